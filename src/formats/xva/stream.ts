import type { BlockSource } from '../../model/format.ts';
import type { VmDescription } from '../../model/vm-description.ts';
import type { PackVm, VmStream } from '../../model/vm-stream.ts';
import { tarEnd, tarFile, tarHeader, tarPadded } from '../shared/tar.ts';
import { type BlockList, blockSize, candidateBlocks, isZero, mustStay, readBlocks, withoutZeros } from './blocks.ts';
import { checksumFiles, type ChecksumKind, openChecksums } from './checksum.ts';
import { diskIds, ovaXml } from './ova-xml.ts';

export const xvaMediaType = 'application/x-xva';
const firstFile = 'ova.xml';

/** A machine as an XVA whose length is known before its first byte. All data is read once for that, to leave out what is zero. */
export const streamXva: PackVm = async (sources, vm, { checksum = 'xxhash', signal }): Promise<VmStream> => {
  const disks: BlockList[] = [];
  for (const source of sources) disks.push(await withoutZeros(await candidateBlocks(source), signal));
  const { digits } = checksumFiles[checksum];
  const blocks = disks.reduce((sum, { indexes }) => sum + indexes.length, 0);
  const xml = describe(vm, disks);
  return {
    length: xml.length + blocks * (512 + blockSize + 512 + tarPadded(digits)) + tarEnd.length,
    mediaType: xvaMediaType,
    async *open(streamSignal, onProgress) {
      let made = 0;
      for await (const chunk of xvaChunks({ vm, disks, checksum, xml, keepZeros: true }, streamSignal)) {
        yield chunk;
        made += chunk.length;
        onProgress?.(made);
      }
    },
  };
};

interface XvaRequest {
  vm: VmDescription;
  disks: readonly BlockList[];
  checksum: ChecksumKind;
  /** The first entry. */
  xml: Buffer;
  /** Writes every listed block, also one that became zero since: the length was promised. */
  keepZeros: boolean;
  /** Told after each block how many have been looked at. */
  onBlock?: (done: number) => void;
}

/** The first entry of the file, padding included. */
function describe(vm: VmDescription, disks: readonly BlockList[]): Buffer {
  const ids = diskIds(disks.length);
  const records = disks.map(({ size, indexes }, at) => ({ id: ids[at] ?? '', size, used: indexes.length * blockSize }));
  return tarFile(firstFile, Buffer.from(ovaXml(vm, records)), vm.time);
}

/** The bytes of an XVA, front to back, the data of blocks uncopied. */
async function* xvaChunks(
  { vm, disks, checksum, xml, keepZeros, onBlock }: XvaRequest,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const checksums = await openChecksums();
  const ids = diskIds(disks.length);
  const { suffix } = checksumFiles[checksum];
  let done = 0;
  yield xml;
  for (const [at, disk] of disks.entries()) {
    for await (const { index, bytes } of readBlocks(disk, signal)) {
      if (keepZeros || mustStay(index, disk.size) || !isZero(bytes)) {
        const name = `${ids[at] ?? ''}/${String(index).padStart(8, '0')}`;
        yield tarHeader({ name, size: bytes.length }, vm.time);
        yield bytes;
        yield tarFile(`${name}${suffix}`, Buffer.from(checksums(checksum, bytes), 'latin1'), vm.time);
      }
      done += 1;
      onBlock?.(done);
    }
  }
  yield tarEnd;
}

/** The same for a file, whose length nobody needs to know: one read, zeros left out on the way. */
export async function* xvaFileChunks(
  sources: readonly { source: BlockSource; size: number }[],
  vm: VmDescription,
  {
    checksum,
    signal,
    onProgress,
  }: { checksum: ChecksumKind; signal: AbortSignal; onProgress: (done: number, total: number) => void },
): AsyncGenerator<Buffer, void, undefined> {
  const disks: BlockList[] = [];
  for (const { source, size } of sources) disks.push(await candidateBlocks(source, size));
  const total = disks.reduce((sum, { indexes }) => sum + indexes.length, 0) * blockSize;
  const onBlock = (done: number): void => onProgress(done * blockSize, total);
  yield* xvaChunks({ vm, disks, checksum, xml: describe(vm, disks), keepZeros: false, onBlock }, signal);
}
