import { open } from 'node:fs/promises';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import { nullRef } from './classes.ts';
import { type FakeRecord, textOf } from './database.ts';
import { XapiFault } from './fault.ts';
import { xxhash } from './import-xva.ts';
import type { FakePool } from './pool.ts';
import { paddingOf, tarHeader } from './tar.ts';
import { type RunningTask, throwIfCancelled } from './tasks.ts';
import { writeXmlValue } from './xml.ts';

const blockSize = 1024 * 1024;

/** Sends a VM as XVA: its records, then its disks, zero blocks left out. */
export async function exportXva(
  pool: FakePool,
  socket: Writable,
  vm: string,
  compression: string | undefined,
  task: RunningTask,
): Promise<void> {
  const source = Readable.from(breaking(pool, archive(pool, vm, task)), { objectMode: false });
  const pack =
    compression === 'zstd' ? createZstdCompress() : compression === 'gzip' || compression === 'true' ? createGzip() : undefined;
  if (pack === undefined) await pipeline(source, socket, { end: false });
  else await pipeline(source, pack, socket, { end: false });
}

/** Sends a disk as it is. */
export async function exportVdi(pool: FakePool, socket: Writable, vdi: string, format: string, task: RunningTask): Promise<void> {
  if (format !== 'raw') throw new XapiFault('INTERNAL_ERROR', [`Unknown format ${format}`]);
  await pipeline(Readable.from(breaking(pool, rawDisk(pool, vdi, task)), { objectMode: false }), socket, { end: false });
}

async function* rawDisk(pool: FakePool, vdi: string, task: RunningTask): AsyncGenerator<Buffer> {
  for await (const { at, bytes, size } of blocksOf(pool, vdi)) {
    throwIfCancelled(task);
    yield bytes;
    task.progress((at + bytes.length) / size);
  }
}

/** Fails in the middle, when that is wanted. */
async function* breaking(pool: FakePool, source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const limit = pool.faults.exportBreaksAt ?? Number.POSITIVE_INFINITY;
  let sent = 0;
  for await (const bytes of source) {
    if (sent + bytes.length > limit) {
      yield bytes.subarray(0, limit - sent);
      throw new XapiFault('VDI_IO_ERROR', ['Device I/O error']);
    }
    sent += bytes.length;
    yield bytes;
  }
}

async function* blocksOf(pool: FakePool, vdi: string): AsyncGenerator<{ at: number; bytes: Buffer; size: number }> {
  const size = pool.storage.sizeOf(vdi);
  const file = await open(pool.storage.pathOf(vdi));
  try {
    for (let at = 0; at < size; at += blockSize) {
      const bytes = Buffer.alloc(Math.min(blockSize, size - at));
      await file.read(bytes, 0, bytes.length, at);
      yield { at, bytes, size };
    }
  } finally {
    await file.close();
  }
}

async function* archive(pool: FakePool, vm: string, task: RunningTask): AsyncGenerator<Buffer> {
  const { xml, disks } = describe(pool, vm);
  yield* entry('ova.xml', Buffer.from(xml));
  for (const { id, vdi } of disks.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    let number = 0;
    for await (const { at, bytes, size } of blocksOf(pool, vdi)) {
      throwIfCancelled(task);
      const isEdge = at === 0 || at + bytes.length === size;
      if (isEdge || bytes.some((byte) => byte !== 0)) yield* block(id, number, bytes);
      // An empty block moves the number on, but not the place in the disk.
      if (number === pool.faults.emptyBlockAfter && !isEdge) {
        number += 1;
        yield* block(id, number, Buffer.alloc(0));
      }
      number += 1;
      task.progress((at + bytes.length) / size);
    }
  }
  yield Buffer.alloc(1024);
}

async function* block(id: string, number: number, bytes: Buffer): AsyncGenerator<Buffer> {
  const name = `${id}/${String(number).padStart(8, '0')}`;
  yield* entry(name, bytes);
  yield* entry(`${name}.xxhash`, Buffer.from(await xxhash(bytes)));
}

function* entry(name: string, bytes: Buffer): Generator<Buffer> {
  yield tarHeader({ name, size: bytes.length });
  yield bytes;
  yield Buffer.alloc(paddingOf(bytes.length));
}

/** The records of a VM and of all that belongs to it, with references of their own. */
function describe({ db, options, storage }: FakePool, vm: string): { xml: string; disks: { id: string; vdi: string }[] } {
  const names = new Map<string, { class: string; id: string; ref: string }>();
  const add = (name: string, ref: string): void => {
    if (ref === nullRef || names.has(ref) || !db.has(name, ref)) return;
    names.set(ref, { class: name, id: `Ref:${String(names.size + 1).padStart(4, '0')}`, ref });
  };
  const record = db.get('VM', vm);
  add('VM', vm);
  for (const vbd of record['VBDs'] as string[]) {
    add('VBD', vbd);
    const vdi = textOf(db.get('VBD', vbd), 'VDI');
    add('VDI', vdi);
    if (db.has('VDI', vdi)) add('SR', textOf(db.get('VDI', vdi), 'SR'));
  }
  for (const vif of record['VIFs'] as string[]) {
    add('VIF', vif);
    add('network', textOf(db.get('VIF', vif), 'network'));
  }
  const translate = (value: unknown): unknown => {
    if (typeof value === 'string' && value.startsWith('OpaqueRef:')) return names.get(value)?.id ?? nullRef;
    if (Array.isArray(value)) return value.map(translate).filter((item) => item !== nullRef);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, translate(item)]));
  };
  const objects = [...names.values()].map(({ class: name, id, ref }) => ({
    class: name,
    id,
    snapshot: translate(db.get(name, ref)) as FakeRecord,
  }));
  const version = {
    hostname: 'host-1',
    date: '2026-01-01',
    product_version: '8.3.0',
    product_brand: 'XCP-ng',
    build_number: 'cloud',
    xapi_major: String(options.apiVersion[0]),
    xapi_minor: String(options.apiVersion[1]),
    export_vsn: '2',
  };
  const disks = [...names.values()].flatMap(({ class: name, id, ref }) =>
    name === 'VDI' && storage.sizeOf(ref) > 0 ? [{ id, vdi: ref }] : [],
  );
  return { xml: writeXmlValue({ version, objects }), disks };
}
