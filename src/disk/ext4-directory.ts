import { crc32c } from './crc32c.ts';
import type { Ext4Blocks } from './ext4-blocks.ts';
import { readExtents } from './ext4-extents.ts';
import type { Inode } from './ext4-inode.ts';
import { invalidFs } from './ext4-layout.ts';

/** 32 MiB: about a million names. */
const maxFolderSize = 2 ** 25;
const checksumEntry = 0xde;

/**
 * Inode numbers by name, without `.` and `..`. Reads the blocks in a row: the nodes of a hashed folder look like empty entries.
 * @throws AppError IMAGE_INVALID
 */
export async function readDirectory(fs: Ext4Blocks, inode: Inode): Promise<Map<string, number>> {
  const { blockSize } = fs.layout;
  if (inode.size > maxFolderSize || inode.size % blockSize !== 0) throw damaged(inode);
  const entries = new Map<string, number>();
  for (const { logical, physical, count } of await readExtents(fs, inode)) {
    if (physical === 0 || (logical + count) * blockSize > inode.size) throw damaged(inode);
    for (let block = physical; block < physical + count; block += 1)
      readEntries(await fs.readMetadata(block, 0, blockSize), inode, entries);
  }
  return entries;
}

function damaged({ number }: Inode): Error {
  return invalidFs(`the folder with inode ${number} is damaged`);
}

function readEntries(block: Buffer, inode: Inode, entries: Map<string, number>): void {
  const tail = block.length - 12;
  if (inode.checksumSeed !== undefined && block.readUInt32LE(tail) === 0 && block[tail + 7] === checksumEntry) {
    if (crc32c(inode.checksumSeed, block.subarray(0, tail)) !== block.readUInt32LE(tail + 8))
      throw invalidFs(`the folder with inode ${inode.number} has a wrong checksum`);
  }
  for (let at = 0; at < block.length; ) {
    if (at + 8 > block.length) throw damaged(inode);
    const number = block.readUInt32LE(at);
    const length = block.readUInt16LE(at + 4);
    const nameLength = block[at + 6] as number;
    if (length < 8 || length % 4 !== 0 || at + length > block.length || nameLength + 8 > length) throw damaged(inode);
    if (number !== 0) {
      const name = block.toString('utf8', at + 8, at + 8 + nameLength);
      if (name === '' || /[/\0]/.test(name) || entries.has(name)) throw damaged(inode);
      if (name !== '.' && name !== '..') entries.set(name, number);
    }
    at += length;
  }
}
