import { crc32c } from './crc32c.ts';
import type { Ext4Blocks } from './ext4-blocks.ts';
import type { Inode } from './ext4-inode.ts';
import { invalidFs } from './ext4-layout.ts';

const magic = 0xea020000;
const blockHeaderSize = 32;
const prefixes: Record<number, string> = {
  1: 'user.',
  2: 'system.posix_acl_access',
  3: 'system.posix_acl_default',
  4: 'trusted.',
  6: 'security.',
  7: 'system.',
};

/** Extended attributes by full name, from the inode and from its attribute block. @throws AppError IMAGE_INVALID */
export async function readXattrs(fs: Ext4Blocks, inode: Inode): Promise<Record<string, Buffer>> {
  const found: Record<string, Buffer> = {};
  const { attributes, attributeBlock } = inode;
  if (attributes.length >= 8 && attributes.readUInt32LE(0) === magic) {
    const space = attributes.subarray(4);
    readEntries(space, 0, inode, found);
  }
  if (attributeBlock !== 0) {
    const block = await fs.readMetadata(attributeBlock, 0, fs.layout.blockSize);
    if (block.readUInt32LE(0) !== magic || block.readUInt32LE(8) !== 1) throw damaged(inode);
    checkBlock(block, attributeBlock, fs.layout.checksumSeed, inode);
    readEntries(block, blockHeaderSize, inode, found);
  }
  return found;
}

function damaged({ number }: Inode): Error {
  return invalidFs(`the extended attributes of inode ${number} are damaged`);
}

function checkBlock(block: Buffer, number: number, seed: number | undefined, inode: Inode): void {
  if (seed === undefined) return;
  const position = Buffer.alloc(8);
  position.writeBigUInt64LE(BigInt(number));
  const checked = Buffer.from(block);
  checked.writeUInt32LE(0, 0x10);
  if (crc32c(crc32c(seed, position), checked) !== block.readUInt32LE(0x10)) throw damaged(inode);
}

/** Entries lie from `start` on; values lie anywhere in `space`. */
function readEntries(space: Buffer, start: number, inode: Inode, found: Record<string, Buffer>): void {
  for (let at = start; at + 4 <= space.length && space.readUInt32LE(at) !== 0; ) {
    if (at + 16 > space.length) throw damaged(inode);
    const nameLength = space[at] as number;
    const prefix = prefixes[space[at + 1] as number];
    const valueAt = space.readUInt16LE(at + 2);
    const valueSize = space.readUInt32LE(at + 8);
    if (prefix === undefined || space.readUInt32LE(at + 4) !== 0 || at + 16 + nameLength > space.length) throw damaged(inode);
    if (valueSize > 0 && valueAt + valueSize > space.length) throw damaged(inode);
    const name = prefix + space.toString('utf8', at + 16, at + 16 + nameLength);
    found[name] = Buffer.from(space.subarray(valueAt, valueAt + valueSize));
    at += 16 + Math.ceil(nameLength / 4) * 4;
  }
}
