import type { FileHandle } from 'node:fs/promises';
import type { VmDescription } from '../../model/vm-description.ts';
import { digestOf, digestOfFile } from '../../util/digest.ts';
import { bytesIn } from '../shared/image-bytes.ts';
import { readUpTo } from '../shared/read-exactly.ts';
import { tarEnd, tarFile, tarHeader, tarPadded } from '../shared/tar.ts';
import { readVmdk } from '../shared/vmdk/read.ts';
import { ovfDescriptor } from './descriptor.ts';
import { manifestText, type PackageSigner } from './manifest.ts';

const pieceSize = 2 ** 20;

export interface PackageRequest {
  vm: VmDescription;
  hardware: string;
  signing: PackageSigner | undefined;
  /** The VMDK, which is only read, its size in bytes and its path. */
  disk: FileHandle;
  size: number;
  path: string;
}

/** The bytes of a package: descriptor, manifest, certificate, disk; in this order, as DSP0243 has it. */
export async function* packageChunks(
  { vm, hardware, signing, disk, size, path }: PackageRequest,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const name = fileNameOf(vm.name);
  const vmdkName = `${name}-disk1.vmdk`;
  const source = await readVmdk(bytesIn(path, 'VMDK', disk, 0, size));
  const populated = ((await source.dataIn?.(0, source.size)) ?? []).reduce((sum, { length }) => sum + length, 0);
  const descriptor = Buffer.from(
    ovfDescriptor(vm, { file: vmdkName, fileSize: size, capacity: source.size, populated }, hardware),
  );
  const manifest = Buffer.from(
    manifestText([
      { file: `${name}.ovf`, digest: hexOf(digestOf(descriptor)) },
      { file: vmdkName, digest: hexOf(await digestOfFile(path, signal)) },
    ]),
  );
  yield tarFile(`${name}.ovf`, descriptor, vm.time);
  yield tarFile(`${name}.mf`, manifest, vm.time);
  if (signing) yield tarFile(`${name}.cert`, Buffer.from(signing.sign(`${name}.mf`, manifest)), vm.time);
  yield tarHeader({ name: vmdkName, size }, vm.time);
  for (let offset = 0; offset < size; offset += pieceSize) {
    signal.throwIfAborted();
    yield await readUpTo(disk, offset, Math.min(pieceSize, size - offset));
  }
  yield Buffer.alloc(tarPadded(size) - size);
  yield tarEnd;
}

function hexOf(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** What every system takes as the name of a file. */
function fileNameOf(name: string): string {
  const plain = name
    .replaceAll(/[^\w.-]+/g, '-')
    .slice(0, 60)
    .replace(/-+$/, '');
  return plain === '' || plain.startsWith('.') ? `vm${plain}` : plain;
}
