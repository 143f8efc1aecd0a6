import type { FileStat, Rootfs } from '../model/check.ts';
import type { BlockSource } from '../model/format.ts';
import { openBlocks } from './ext4-blocks.ts';
import { readDirectory } from './ext4-directory.ts';
import { readContent } from './ext4-extents.ts';
import { type BlockRange, freeBlocks } from './ext4-free-space.ts';
import { type Inode, readInode, rootInode } from './ext4-inode.ts';
import { invalidFs, readExt4Layout } from './ext4-layout.ts';
import { readXattrs } from './ext4-xattrs.ts';

const maxLinks = 40;
const maxTargetLength = 4096;
/** 1 GiB: the largest file that is read at once. */
const maxFileSize = 2 ** 30;
/** Names in all folders that were read; some 500 bytes of memory each. */
const maxNames = 2_000_000;
const maxDepth = 200;
/** Inodes that are kept; a kilobyte each at most. */
const maxInodes = 50_000;

/** An ext4 file system, with what a `Rootfs` does not tell. */
export interface Ext4Rootfs extends Rootfs {
  blockSize: number;
  /** Runs of blocks that no file uses, counted from the start of the file system. */
  freeBlocks(): AsyncIterable<BlockRange>;
}

/** Opens the ext4 file system that lies at `offset` and fits in `size` bytes. @throws AppError IMAGE_INVALID, as all that it returns */
export async function openExt4(source: BlockSource, offset: number, size: number): Promise<Ext4Rootfs> {
  const layout = await readExt4Layout(source, offset, size);
  const fs = openBlocks(source, offset, layout);
  const folders = new Map<number, Map<string, number>>();
  const inodes = new Map<number, Inode>();
  let names = 0;

  const inodeOf = async (number: number): Promise<Inode> => {
    const known = inodes.get(number);
    if (known) return known;
    const inode = await readInode(fs, number);
    if (inodes.size >= maxInodes) inodes.clear();
    inodes.set(number, inode);
    return inode;
  };

  const namesIn = async (inode: Inode): Promise<Map<string, number>> => {
    const known = folders.get(inode.number);
    if (known) return known;
    const found = await readDirectory(fs, inode);
    if (!folders.has(inode.number)) names += found.size;
    if (names > maxNames) throw invalidFs(`it has more than ${maxNames} names`);
    folders.set(inode.number, found);
    return found;
  };
  const targetOf = async (inode: Inode): Promise<string> => {
    if (inode.size > maxTargetLength) throw invalidFs(`the link with inode ${inode.number} is too long`);
    // Short targets stand where the extents would.
    const bytes = inode.hasExtents ? await readContent(fs, inode, inode.size) : inode.blocks.subarray(0, inode.size);
    if (bytes.length < inode.size) throw invalidFs(`the link with inode ${inode.number} is damaged`);
    return bytes.toString('utf8');
  };
  /** Follows a path like lstat, or with `follow` like stat. The root of the image is as far up as `..` goes. */
  const resolve = async (path: string, follow: boolean): Promise<Inode | undefined> => {
    const trail: Inode[] = [await inodeOf(rootInode)];
    const parts = partsOf(path).toReversed();
    let links = 0;
    for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
      if (part === '..') {
        if (trail.length > 1) trail.pop();
        continue;
      }
      const folder = trail.at(-1) as Inode;
      if (folder.type !== 'directory') return undefined;
      const number = (await namesIn(folder)).get(part);
      if (number === undefined) return undefined;
      const inode = await inodeOf(number);
      if (inode.type !== 'symlink' || (parts.length === 0 && !follow)) {
        trail.push(inode);
        continue;
      }
      links += 1;
      if (links > maxLinks) return undefined;
      const target = await targetOf(inode);
      if (target.startsWith('/')) trail.splice(1);
      parts.push(...partsOf(target).toReversed());
    }
    return trail.at(-1);
  };
  async function* walk(inode: Inode, path: string, seen: Set<number>): AsyncGenerator<FileStat> {
    if (seen.has(inode.number)) throw invalidFs(`the folder ${path} is in more than one place`);
    if (seen.size > 0 && path.split('/').length > maxDepth) throw invalidFs('its folders lie too deep');
    seen.add(inode.number);
    for (const [name, number] of [...(await namesIn(inode))].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const child = await inodeOf(number);
      const childPath = `${path}/${name}`;
      yield statOf(childPath, child);
      if (child.type === 'directory') yield* walk(child, childPath, seen);
    }
  }
  const readFile = async (path: string): Promise<Buffer | undefined> => {
    const inode = await resolve(path, true);
    if (inode?.type !== 'file') return undefined;
    if (inode.size > maxFileSize) throw invalidFs(`${path} is larger than ${maxFileSize} bytes`);
    return readContent(fs, inode, inode.size);
  };
  return {
    blockSize: layout.blockSize,
    freeBlocks: () => freeBlocks(fs),
    async stat(path) {
      const inode = await resolve(path, false);
      return inode && statOf(`/${partsOf(path).join('/')}`, inode);
    },
    async list(path) {
      const inode = await resolve(path, true);
      return inode?.type === 'directory' ? [...(await namesIn(inode)).keys()].toSorted() : [];
    },
    readFile,
    readText: async (path) => (await readFile(path))?.toString('utf8'),
    async readLink(path) {
      const inode = await resolve(path, false);
      return inode?.type === 'symlink' ? targetOf(inode) : undefined;
    },
    async xattrs(path) {
      const inode = await resolve(path, false);
      return inode ? readXattrs(fs, inode) : {};
    },
    async *walk(path) {
      const inode = await resolve(path, true);
      if (inode?.type === 'directory') yield* walk(inode, path === '/' ? '' : path.replace(/\/+$/, ''), new Set());
    },
    info: () =>
      Promise.resolve({
        uuid: layout.uuid,
        label: layout.label,
        size: layout.blockCount * layout.blockSize,
        used: (layout.blockCount - layout.freeBlocks) * layout.blockSize,
      }),
  };
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function statOf(path: string, { type, mode, uid, gid, size, mtime, links, number }: Inode): FileStat {
  return { path, type, mode, uid, gid, size, mtime, links, inode: number };
}
