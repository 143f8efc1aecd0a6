import type { BlockSource } from '../../model/format.ts';
import { sectorSize } from '../shared/bounds.ts';
import type { ImageBytes } from '../shared/image-bytes.ts';
import { Lru } from '../shared/lru.ts';
import { type BlockMap, mappedSource } from '../shared/mapped-source.ts';
import { plainSource } from '../shared/plain-source.ts';
import { parseFooter, type VhdFooter } from './footer.ts';
import { headerSize, noBlock, parseHeader, type VhdHeader } from './header.ts';

const mostTableBytes = 64 * 2 ** 20;
/** Bitmaps that are kept: 1 MiB with the usual blocks. */
const bitmapsKept = 2048;

/** What a VHD says of itself; every part of it was checked. */
export interface VhdFacts {
  footer: VhdFooter;
  /** Of a dynamic disk, with where each block begins, in sectors, or `noBlock`. */
  dynamic?: { header: VhdHeader; blocks: Uint32Array };
}

/** Reads the footers, the header and the block table. @throws AppError IMAGE_INVALID */
export async function readVhdFacts(image: ImageBytes): Promise<VhdFacts> {
  image.refuse(image.size < sectorSize, 'it is too short');
  const last = await image.read(image.size - sectorSize, sectorSize, 'its footer');
  const footer = parseFooter(image, last, 'footer at its end');
  if (footer.type === 'fixed') {
    const needed = footer.size + sectorSize;
    image.refuse(image.size !== needed, `it should have ${needed} bytes, and has ${image.size}`);
    return { footer };
  }
  const copy = parseFooter(image, await image.read(0, sectorSize, 'its first footer'), 'footer at its beginning');
  const isSame = copy.type === footer.type && copy.size === footer.size && copy.headerOffset === footer.headerOffset;
  image.refuse(!isSame, 'its two footers contradict each other');
  const header = parseHeader(image, await image.read(footer.headerOffset, headerSize, 'its header'), footer.size);
  return { footer, dynamic: { header, blocks: await readTable(image, footer, header) } };
}

/** The part of the table that the disk needs. */
async function readTable(image: ImageBytes, { size, headerOffset }: VhdFooter, header: VhdHeader): Promise<Uint32Array> {
  const { blockSize, tableOffset } = header;
  const count = Math.ceil(size / blockSize);
  image.refuse(count * 4 > mostTableBytes, `a table of ${count} blocks is too large`);
  const table = await image.read(tableOffset, count * 4, 'its block table');
  const blocks = new Uint32Array(count);
  for (let block = 0; block < count; block += 1) blocks[block] = table.readUInt32BE(block * 4);

  const sectors = (bitmapSize(blockSize) + blockSize) / sectorSize;
  const [first, end] = [1, image.size / sectorSize - 1];
  const taken = [
    { start: headerOffset / sectorSize, end: (headerOffset + headerSize) / sectorSize },
    { start: tableOffset / sectorSize, end: (tableOffset + count * 4) / sectorSize },
  ];
  let before = first - sectors;
  for (const start of blocks.filter((sector) => sector !== noBlock).toSorted()) {
    image.refuse(start < first || start + sectors > end, `it has a block at sector ${start}, which is not inside the file`);
    const isTaken = start < before + sectors || taken.some((part) => start < part.end && start + sectors > part.start);
    image.refuse(isTaken, `the block at sector ${start} overlaps with something else`);
    before = start;
  }
  return blocks;
}

/** The bitmap takes whole sectors. */
function bitmapSize(blockSize: number): number {
  return Math.ceil(blockSize / sectorSize / 8 / sectorSize) * sectorSize;
}

/** The disk inside a VHD, fixed or dynamic. @throws AppError IMAGE_INVALID */
export async function readVhd(image: ImageBytes): Promise<BlockSource> {
  const { footer, dynamic } = await readVhdFacts(image);
  return dynamic ? mappedSource(image, dynamicMap(image, footer.size, dynamic)) : plainSource(image, footer.size);
}

function dynamicMap(image: ImageBytes, size: number, { header, blocks }: Required<VhdFacts>['dynamic']): BlockMap {
  const { blockSize } = header;
  const bitmapBytes = bitmapSize(blockSize);
  const bitmaps = new Lru<Promise<Buffer>>(bitmapsKept);
  const bitmapOf = (sector: number): Promise<Buffer> => {
    const bitmap = bitmaps.get(sector) ?? image.read(sector * sectorSize, bitmapBytes, 'a block');
    bitmaps.set(sector, bitmap);
    return bitmap;
  };
  return {
    size,
    blockSize,
    runAt(block) {
      let end = block + 1;
      const hasData = blocks[block] !== noBlock;
      while (end < blocks.length && (blocks[end] !== noBlock) === hasData) end += 1;
      return Promise.resolve({ hasData, blocks: end - block });
    },
    async fill(block, start, target) {
      const sector = blocks[block] ?? noBlock;
      if (sector === noBlock) return;
      const bitmap = await bitmapOf(sector);
      const bytes = await image.read(sector * sectorSize + bitmapBytes + start, target.length, 'a block');
      bytes.copy(target);
      clearUnwritten(bitmap, start, target);
    },
  };
}

/** Sectors whose bit is not set were never written: they are zero, whatever lies there. */
function clearUnwritten(bitmap: Buffer, start: number, target: Buffer): void {
  const last = Math.floor((start + target.length - 1) / sectorSize);
  for (let sector = Math.floor(start / sectorSize); sector <= last; sector += 1) {
    if (((bitmap[sector >> 3] ?? 0) & (0x80 >> (sector & 7))) !== 0) continue;
    target.fill(0, Math.max(0, sector * sectorSize - start), Math.min(target.length, (sector + 1) * sectorSize - start));
  }
}
