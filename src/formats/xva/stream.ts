import type { BlockSource } from '../../model/format.ts';
import type { VmDescription } from '../../model/vm-description.ts';
import type { PackVm, VmStream } from '../../model/vm-stream.ts';
import { tarEnd, tarFile } from '../shared/tar.ts';
import { type BlockList, blockSize, candidateBlocks, isZero, mustStay, readBlocks, withoutZeros } from './blocks.ts';
import type { ChecksumKind } from './checksum.ts';
import { diskIds, ovaXml } from './ova-xml.ts';
import { openFrames, recordSize } from './record.ts';

export const xvaMediaType = 'application/x-xva';
const firstFile = 'ova.xml';

/** A machine as an XVA whose length is known before its first byte. All data is read once for that, to leave out what is zero. */
export const streamXva: PackVm = async (sources, vm, { checksum = 'xxhash', signal }): Promise<VmStream> => {
  const disks: BlockList[] = [];
  for (const source of sources) disks.push(await withoutZeros(await candidateBlocks(source), signal));
  const blocks = disks.reduce((sum, { indexes }) => sum + indexes.length, 0);
  const { xml } = describeDisks(vm, disks);
  return {
    length: xml.length + blocks * recordSize(checksum) + tarEnd.length,
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

/** The names of the disks, and the first entry of the file, padding included. */
export function describeDisks(
  vm: VmDescription,
  disks: readonly Pick<BlockList, 'size' | 'indexes'>[],
): { ids: string[]; xml: Buffer } {
  const ids = diskIds(disks.length);
  const records = disks.map(({ size, indexes }, at) => ({ id: ids[at] ?? '', size, used: indexes.length * blockSize }));
  return { ids, xml: tarFile(firstFile, Buffer.from(ovaXml(vm, records)), vm.time) };
}

/** The bytes of an XVA, front to back, the data of blocks uncopied. */
async function* xvaChunks(
  { vm, disks, checksum, xml, keepZeros, onBlock }: XvaRequest,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const frame = await openFrames(checksum, vm.time);
  const ids = diskIds(disks.length);
  let done = 0;
  yield xml;
  for (const [at, disk] of disks.entries()) {
    for await (const { index, bytes } of readBlocks(disk, signal)) {
      if (keepZeros || mustStay(index, disk.size) || !isZero(bytes)) {
        const { head, tail } = frame(ids[at] ?? '', index, bytes);
        yield head;
        yield bytes;
        yield tail;
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
  yield* xvaChunks({ vm, disks, checksum, xml: describeDisks(vm, disks).xml, keepZeros: false, onBlock }, signal);
}
