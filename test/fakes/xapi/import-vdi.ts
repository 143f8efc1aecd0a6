import { XapiFault } from './fault.ts';
import type { FakePool } from './pool.ts';
import { EndOfFile, type ExactReader } from './socket-reader.ts';
import { type RunningTask, throwIfCancelled } from './tasks.ts';

const mib = 1024 * 1024;

/**
 * Fills a VDI from a raw disk or a dynamic VHD.
 * @throws XapiFault VDI_IO_ERROR when it is larger than the VDI, or the stream is not what it should be; TASK_CANCELLED
 */
export async function importVdi(
  pool: FakePool,
  body: ExactReader,
  vdi: string,
  format: string,
  length: number | undefined,
  task: RunningTask,
): Promise<void> {
  const file = await pool.storage.openForWriting(vdi);
  try {
    if (format === 'vhd') await receiveVhd(pool, body, pool.storage.sizeOf(vdi), file, task);
    else await receiveRaw(body, length, file, task);
  } catch (error) {
    throw error instanceof XapiFault
      ? error
      : new XapiFault('VDI_IO_ERROR', [error instanceof EndOfFile ? 'Premature end of file' : String(error)]);
  } finally {
    await file.close();
  }
}

interface Target {
  write(at: number, bytes: Buffer): Promise<void>;
}

async function receiveRaw(body: ExactReader, length: number | undefined, file: Target, task: RunningTask): Promise<void> {
  let at = 0;
  for (;;) {
    throwIfCancelled(task);
    const bytes = await body.readSome(mib);
    if (bytes === undefined) break;
    await file.write(at, bytes);
    at += bytes.length;
    if (length !== undefined) task.progress(at / length);
  }
  if (length !== undefined && at !== length) throw new EndOfFile();
}

const sector = 512;

/** A dynamic VHD as it comes in a stream: footer, header, table, blocks in the order in which they lie, footer. */
async function receiveVhd(pool: FakePool, body: ExactReader, diskSize: number, file: Target, task: RunningTask): Promise<void> {
  const footer = await body.read(sector);
  if (footer.toString('latin1', 0, 8) !== 'conectix') throw new Error('VHD: no footer at the beginning');
  checkSum(footer, 64, 'footer');
  if (footer.readUInt32BE(60) !== 3) throw new Error('VHD: not dynamic');
  const size = Number(footer.readBigUInt64BE(48));
  if (size > diskSize) throw new XapiFault('VDI_IO_ERROR', ['Device I/O error']);
  let at = sector;
  const skipTo = async (offset: number): Promise<void> => {
    if (offset < at) throw new Error('VHD: its parts do not lie in the order of a stream');
    while (at < offset) {
      const step = Math.min(mib, offset - at);
      await body.read(step);
      at += step;
    }
  };
  const take = async (offset: number, length: number): Promise<Buffer> => {
    await skipTo(offset);
    at += length;
    return body.read(length);
  };
  const header = await take(Number(footer.readBigUInt64BE(16)), 1024);
  if (header.toString('latin1', 0, 8) !== 'cxsparse') throw new Error('VHD: no header');
  checkSum(header, 36, 'header');
  const blockSize = header.readUInt32BE(32);
  if (blockSize !== 2 * mib) throw new Error(`VHD: blocks of ${blockSize} bytes`);
  const entries = header.readUInt32BE(28);
  const table = await take(Number(header.readBigUInt64BE(16)), Math.ceil((entries * 4) / sector) * sector);
  const bitmapSize = blockSize / sector / 8;
  const blocks = Array.from({ length: entries }, (_, index) => ({ index, offset: table.readUInt32BE(index * 4) }))
    .filter(({ offset }) => offset !== 0xffffffff)
    .toSorted((a, b) => a.offset - b.offset);
  for (const [count, { index, offset }] of blocks.entries()) {
    throwIfCancelled(task);
    const block = await take(offset * sector, bitmapSize + blockSize);
    const data = block.subarray(bitmapSize);
    for (let unit = 0; unit < blockSize / sector; unit += 1) {
      const present = ((block[unit >> 3] ?? 0) >> (7 - (unit & 7))) & 1;
      if (!present) data.fill(0, unit * sector, (unit + 1) * sector);
    }
    await file.write(index * blockSize, data.subarray(0, Math.min(blockSize, size - index * blockSize)));
    task.progress(count / blocks.length);
    await pool.faults.onImportBlock?.(count + 1);
  }
  // Another footer ends the stream.
  let last: Buffer = Buffer.alloc(0);
  for (let chunk = await body.readSome(mib); chunk !== undefined; chunk = await body.readSome(mib)) {
    last = Buffer.concat([last, chunk]).subarray(-sector);
  }
  if (!last.equals(footer)) throw new Error('VHD: the footer at the end is not that of the beginning');
}

/** The sum of all other bytes, inverted. */
function checkSum(bytes: Buffer, at: number, what: string): void {
  const sum = bytes.reduce((total, byte, index) => total + (index >= at && index < at + 4 ? 0 : byte), 0);
  if (~sum >>> 0 !== bytes.readUInt32BE(at)) throw new Error(`VHD: wrong checksum of the ${what}`);
}
