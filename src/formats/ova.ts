import { randomBytes } from 'node:crypto';
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Built } from '../model/engine.ts';
import type { FileProbe, Format } from '../model/format.ts';
import type { StepContext } from '../model/step.ts';
import type { VmDescription } from '../model/vm-description.ts';
import { toAppError } from '../util/errors.ts';
import { inspectOva } from './ova/inspect.ts';
import { packageSigner } from './ova/manifest.ts';
import { openOva } from './ova/read.ts';
import { packageChunks } from './ova/write.ts';
import { writeChunks } from './shared/append-stream.ts';
import { parseTarHeader } from './shared/tar.ts';
import { writeStreamVmdk } from './shared/vmdk/write-stream.ts';

interface Choices {
  /** Of vSphere's virtual hardware: `13` for ESXi 6.5 and all that came after. */
  hardware: string;
  /** A private key and its X.509 certificate, in PEM: they sign the manifest. */
  signer?: string;
}

/** OVA for other versions of vSphere, or signed. */
export function ovaWith(choices: Choices): Format {
  return {
    id: 'ova',
    extension: 'ova',
    mediaType: 'application/ovf',
    requires: [],
    usesAllCores: true,
    describesVm: true,
    options: { hardware: ['13', '15', '17', '19', '20', '21'] },
    with: (others) => ovaWith({ ...choices, ...others }),
    signed: (pem) => ovaWith({ ...choices, signer: pem }),
    write: (built, path, ctx, vm) => write(built, path, choices, ctx, vm),
    open: openOva,
    recognizes: isOva,
    inspect: inspectOva,
  };
}

/** An OVF package in one file: descriptor, manifest, and a streamOptimized VMDK; for vSphere and most others. */
export const ova = ovaWith({ hardware: '13' });

function isOva({ head }: FileProbe): boolean {
  const entry = parseTarHeader(head.subarray(0, 512));
  return entry !== 'end' && !('fault' in entry) && entry.name.toLowerCase().endsWith('.ovf');
}

async function write(
  built: Built,
  path: string,
  { hardware, signer }: Choices,
  ctx: StepContext,
  vm: VmDescription,
): Promise<void> {
  const scratch = join(ctx.workdir, `ova-${randomBytes(4).toString('hex')}.vmdk`);
  try {
    const signing = signer === undefined ? undefined : packageSigner(signer);
    // What the manifest says of the disk stands before it, so it must be whole first. It is the same file as that of the format vmdk.
    const vmdk = built.artifacts?.['vmdk'] ?? scratch;
    if (vmdk === scratch) await writeStreamVmdk(built, scratch, ctx, vm);
    await using file = await open(path, 'w');
    await using disk = await open(vmdk, 'r');
    await writeChunks(
      file,
      packageChunks({ vm, hardware, signing, disk, size: (await stat(vmdk)).size, path: vmdk }, ctx.signal),
    );
  } catch (error) {
    throw toAppError(error, 'BUILD_FAILED', `Writing ${path} as ova`);
  } finally {
    await rm(scratch, { force: true });
  }
}
