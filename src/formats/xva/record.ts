import { tarBlock, tarFile, tarHeader, tarPadded } from '../shared/tar.ts';
import { blockSize } from './blocks.ts';
import { checksumFiles, type ChecksumKind, openChecksums } from './checksum.ts';

/** A block as it stands in the file: its header, its bytes, and the small file with its checksum. */
export function recordSize(checksum: ChecksumKind): number {
  return tarBlock + blockSize + tarBlock + tarPadded(checksumFiles[checksum].digits);
}

/** What stands before and behind the bytes of a block. */
export interface Frame {
  head: Buffer;
  tail: Buffer;
}

export type FrameBlock = (id: string, index: number, bytes: Buffer) => Frame;

/** Frames blocks; `time` in seconds since 1970. */
export async function openFrames(checksum: ChecksumKind, time: number): Promise<FrameBlock> {
  const checksums = await openChecksums();
  const { suffix } = checksumFiles[checksum];
  return (id, index, bytes) => {
    const name = `${id}/${String(index).padStart(8, '0')}`;
    return {
      head: tarHeader({ name, size: bytes.length }, time),
      tail: tarFile(`${name}${suffix}`, Buffer.from(checksums(checksum, bytes), 'latin1'), time),
    };
  };
}
