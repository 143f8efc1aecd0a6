import type { FileProbe, Format } from '../model/format.ts';
import { inspecting, openWith } from './shared/image-bytes.ts';
import { hasFooter, type VhdType } from './vhd/footer.ts';
import { inspectVhd } from './vhd/inspect.ts';
import { readVhd } from './vhd/read.ts';
import { writeVhd } from './vhd/write.ts';

/** Blocks of 2 MiB, those that are zero left out: for XCP-ng and XenServer, Hyper-V, VirtualBox. */
export const vhd = vhdOf('dynamic', 'vhd', 'vhd');

/** The whole disk and a footer, in a sparse file: for Azure, which takes nothing else. */
export const vhdFixed = vhdOf('fixed', 'vhd-fixed', 'fixed.vhd');

function vhdOf(type: VhdType, id: string, extension: string): Format {
  return {
    id,
    extension,
    mediaType: 'application/x-vhd',
    requires: [],
    write: (built, path, ctx, vm) => writeVhd(type, built, path, ctx, vm),
    open: (path) => openWith(path, 'VHD', readVhd),
    recognizes: (probe) => typeOf(probe) === type,
    inspect: inspecting('VHD', inspectVhd),
  };
}

/** A dynamic disk begins with a footer too, even when its end was cut off. */
function typeOf({ head, tail }: FileProbe): VhdType | undefined {
  if (hasFooter(head)) return 'dynamic';
  return hasFooter(tail) ? 'fixed' : undefined;
}
