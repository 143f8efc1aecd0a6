import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { createXXHash64 } from 'hash-wasm';
import { classes, nullRef } from './classes.ts';
import { type FakeRecord, textOf } from './database.ts';
import { XapiFault } from './fault.ts';
import type { FakePool } from './pool.ts';
import { EndOfFile, type ExactReader, StreamReader } from './socket-reader.ts';
import { paddingOf, parseTarHeader, readTarHeader, tarBlock } from './tar.ts';
import { type RunningTask, throwIfCancelled } from './tasks.ts';
import { parseXmlValue } from './xml.ts';

export interface ImportRequest {
  sr: string;
  restore: boolean;
  force: boolean;
}

interface ExportedObject {
  class: string;
  id: string;
  snapshot: FakeRecord;
}

interface Disk {
  id: string;
  vdi: string;
  size: number;
}

const blockSize = 1024 * 1024;

/**
 * Takes an XVA as XAPI does: block by block, in the order that it expects, with its own reading of the format.
 * Whatever was made is removed when it fails. Returns the VMs. What comes behind the last block is not read.
 * @throws XapiFault IMPORT_INCOMPATIBLE_VERSION, IMPORT_ERROR_*, SR_*, TASK_CANCELLED
 */
export async function importXva(pool: FakePool, body: ExactReader, request: ImportRequest, task: RunningTask): Promise<string[]> {
  const undo: (() => Promise<void> | void)[] = [];
  try {
    const reader = await openArchive(body);
    const header = readHeader(await readOvaXml(reader));
    checkVersion(pool, header.version);
    const { vms, disks } = await createObjects(pool, header.objects, request, task, undo);
    await receiveDisks(pool, reader, disks, request.force, Number(header.version['export_vsn'] ?? 0), task);
    throwIfCancelled(task);
    for (const vm of vms) pool.db.set('VM', vm, { current_operations: {} });
    return vms;
  } catch (error) {
    if (!request.force) for (const action of undo.toReversed()) await action();
    throw asImportError(error);
  }
}

function asImportError(error: unknown): XapiFault {
  if (error instanceof XapiFault) return error;
  if (error instanceof EndOfFile) return new XapiFault('IMPORT_ERROR_PREMATURE_EOF');
  return new XapiFault('IMPORT_ERROR_GENERIC', [error instanceof Error ? error.message : String(error)]);
}

/** The archive as it is, or unpacked when it does not begin with the header of a tar. */
async function openArchive(body: ExactReader): Promise<ExactReader> {
  const first = await body.read(tarBlock);
  const magic = first.readUInt32BE(0);
  if (magic !== 0x28b52ffd && first.readUInt16BE(0) !== 0x1f8b) return withFirst(first, body);
  const unpack = magic === 0x28b52ffd ? createZstdDecompress() : createGunzip();
  async function* packed(): AsyncGenerator<Buffer> {
    yield first;
    for (let chunk = await body.readSome(65_536); chunk !== undefined; chunk = await body.readSome(65_536)) yield chunk;
  }
  return new StreamReader(Readable.from(packed(), { objectMode: false }).pipe(unpack));
}

function withFirst(first: Buffer, body: ExactReader): ExactReader {
  let given = false;
  return {
    async read(length) {
      if (given) return body.read(length);
      given = true;
      if (length !== first.length) throw new Error('the first read is a header');
      return first;
    },
    readSome: (most) => body.readSome(most),
  };
}

async function readOvaXml(reader: ExactReader): Promise<string> {
  const entry = parseTarHeader(await reader.read(tarBlock));
  if (entry?.name !== 'ova.xml') throw new XapiFault('IMPORT_ERROR_UNEXPECTED_FILE', ['ova.xml', entry?.name ?? '']);
  const text = (await reader.read(entry.size)).toString('utf8');
  await reader.read(paddingOf(entry.size));
  return text;
}

function readHeader(xml: string): { version: FakeRecord; objects: ExportedObject[] } {
  const value = parseXmlValue(xml);
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error('ova.xml: not a struct');
  const version = value['version'] as FakeRecord;
  for (const key of ['hostname', 'date', 'product_version', 'product_brand', 'build_number', 'xapi_major', 'xapi_minor']) {
    if (version?.[key] === undefined) throw new Error(`Failed to find key '${key}' in version data`);
  }
  for (const key of ['xapi_major', 'xapi_minor'])
    if (!/^\d+$/.test(textOf(version, key))) throw new Error(`${key} is no integer`);
  if (!Array.isArray(value['objects'])) throw new Error('ova.xml: objects is missing');
  return { version, objects: value['objects'] as unknown as ExportedObject[] };
}

function checkVersion(pool: FakePool, version: FakeRecord): void {
  const [major, minor] = pool.options.apiVersion;
  const [theirs, theirMinor] = [Number(version['xapi_major']), Number(version['xapi_minor'])];
  if (theirs > major || (theirs === major && theirMinor > minor)) throw new XapiFault('IMPORT_INCOMPATIBLE_VERSION');
}

/** The fields of a class out of an export, with XAPI's own for those that it can do without. */
function recordOf({ class: name, id, snapshot }: ExportedObject): FakeRecord {
  const known = classes[name];
  if (known === undefined) throw new Error(`ova.xml: class "${name}"`);
  const record: FakeRecord = {};
  for (const [field, { kind, initial, must }] of Object.entries(known)) {
    const value = snapshot[field];
    if (value === undefined) {
      if (must) throw new Error(`${name} ${id}: the field ${field} is missing`);
      record[field] = structuredClone(initial);
      continue;
    }
    const fits = {
      string: 'string',
      int: 'string',
      bool: 'boolean',
      float: 'number',
      ref: 'string',
      set: 'object',
      map: 'object',
    }[kind];
    const isInt = kind !== 'int' || (typeof value === 'string' && /^-?\d+$/.test(value));
    if (typeof value !== fits || !isInt || (kind === 'set') !== Array.isArray(value)) {
      throw new Error(`${name} ${id}: the field ${field} is no ${kind}`);
    }
    record[field] = value;
  }
  return record;
}

async function createObjects(
  pool: FakePool,
  objects: ExportedObject[],
  request: ImportRequest,
  task: RunningTask,
  undo: (() => Promise<void> | void)[],
): Promise<{ vms: string[]; disks: Disk[] }> {
  const { db } = pool;
  const table = new Map<string, string>();
  const lookup = (id: string): string => {
    const found = table.get(id);
    if (found === undefined) throw new XapiFault('IMPORT_ERROR_FAILED_TO_FIND_OBJECT', [id]);
    return found;
  };
  const each = async (
    name: string,
    make: (object: ExportedObject, record: FakeRecord) => Promise<void> | void,
  ): Promise<void> => {
    for (const object of objects) if (object.class === name) await make(object, recordOf(object));
  };
  const made = (name: string, id: string, values: FakeRecord): string => {
    const ref = db.create(name, { ...values, uuid: request.restore ? textOf(values, 'uuid') : randomUUID() });
    table.set(id, ref);
    undo.push(() => (db.has(name, ref) ? db.destroy(name, ref) : undefined));
    return ref;
  };
  const isoSrs = new Set<string>();
  const disks: Disk[] = [];
  const vms: string[] = [];

  // The order of XAPI's own handlers.
  await each('SR', ({ id }, record) => {
    if (record['content_type'] === 'iso') isoSrs.add(id);
    else table.set(id, request.sr);
  });
  await each('VDI', async ({ id }, record) => {
    const source = textOf(record, 'SR');
    if (isoSrs.has(source)) return;
    const vdi = await pool.storage.createVdi({
      ...record,
      uuid: randomUUID(),
      SR: lookup(source),
      VBDs: [],
      sm_config: { ...(record['sm_config'] as FakeRecord), import_task: task.ref },
    });
    undo.push(() => (db.has('VDI', vdi) ? pool.storage.destroyVdi(vdi) : undefined));
    table.set(id, vdi);
    disks.push({ id, vdi, size: pool.storage.sizeOf(vdi) });
  });
  await each('VM', ({ id }, record) => {
    const isDefault = record['is_default_template'] === true;
    const same = db.all('VM').find((vm) => isDefault && vm.record['name_label'] === record['name_label']);
    if (same) {
      table.set(id, same.ref);
      return;
    }
    const otherConfig = record['other_config'] as Record<string, string>;
    const ref = made('VM', id, {
      ...record,
      VBDs: [],
      VIFs: [],
      consoles: [],
      resident_on: nullRef,
      affinity: nullRef,
      metrics: nullRef,
      guest_metrics: nullRef,
      power_state: 'Halted',
      version: '0',
      other_config: request.restore ? otherConfig : { ...otherConfig, mac_seed: randomUUID() },
      current_operations: { [task.ref]: 'import' },
    });
    vms.push(ref);
  });
  await each('network', ({ id }, record) => {
    const all = db.all('network');
    const found =
      all.find((network) => network.record['name_label'] === record['name_label']) ??
      all.find((network) => network.record['bridge'] === record['bridge']);
    if (found) table.set(id, found.ref);
    else made('network', id, { ...record, VIFs: [], PIFs: [] });
  });
  await each('VBD', ({ id }, record) => {
    const vdi = table.get(textOf(record, 'VDI'));
    if (record['currently_attached'] === true && vdi === undefined && record['type'] !== 'CD') {
      throw new XapiFault('IMPORT_ERROR_ATTACHED_DISKS_NOT_FOUND');
    }
    // A disk without its VDI is left out; a drive is emptied.
    if (vdi === undefined && record['type'] === 'Disk') return;
    const content = vdi === undefined ? { VDI: nullRef, empty: true } : { VDI: vdi };
    made('VBD', id, { ...record, ...content, VM: lookup(textOf(record, 'VM')), currently_attached: false });
  });
  await each('VIF', ({ id }, record) => {
    const mac = request.restore ? textOf(record, 'MAC') : pool.newMac();
    const network = lookup(textOf(record, 'network'));
    made('VIF', id, { ...record, MAC: mac, network, VM: lookup(textOf(record, 'VM')), currently_attached: false });
  });
  return { vms, disks };
}

/** Disks come in the order of their ids as strings; in each, blocks come in the order of their numbers. */
async function receiveDisks(
  pool: FakePool,
  reader: ExactReader,
  disks: Disk[],
  force: boolean,
  exportVersion: number,
  task: RunningTask,
): Promise<void> {
  const total = disks.reduce((sum, { size }) => sum + size, 0);
  const sums = new Map<string, string>();
  let done = 0;
  // XAPI remembers the length of the first block of the stream for all disks.
  let firstLength = -1;
  for (const { id, vdi, size } of disks.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const file = await pool.storage.openForWriting(vdi);
    try {
      let last = '-1';
      let offset = 0;
      while (offset < size) {
        throwIfCancelled(task);
        const entry = await readTarHeader(reader);
        if (entry === undefined) throw new EndOfFile();
        if (firstLength < 0) firstLength = entry.size;
        if (!entry.name.startsWith(id)) throw new Error('Failure("Invalid XVA file")');
        const suffix = entry.name.slice(id.length + 1);
        // Compared as text, and read as a number: eight digits keep both the same.
        if (suffix <= last || !/^\d+$/.test(suffix)) throw new Error('Failure("Invalid XVA file")');
        // Stricter than XAPI, which would take the second block for the first.
        if (last === '-1' && Number(suffix) !== 0) throw new Error('the first block is missing');
        const skipped = firstLength * (Number(suffix) - Number(last) - 1);
        if (entry.size > blockSize) throw new Error(`the block ${entry.name} is larger than 1 MiB`);
        const bytes = await reader.read(entry.size);
        await reader.read(paddingOf(entry.size));
        await file.write(offset + skipped, bytes);
        const sum = await readChecksum(reader, entry.name, bytes, force);
        sums.set(entry.name, sum);
        done += skipped + entry.size;
        offset += skipped + entry.size;
        last = suffix;
        task.progress(done / total);
        await pool.faults.onImportBlock?.(done);
      }
    } finally {
      await file.close();
    }
  }
  if (exportVersion < 2) await compareTable(reader, sums, force);
}

async function readChecksum(reader: ExactReader, name: string, bytes: Buffer, force: boolean): Promise<string> {
  const entry = await readTarHeader(reader);
  if (entry === undefined) throw new EndOfFile();
  const dot = entry.name.lastIndexOf('.');
  const kind = dot === -1 ? '' : entry.name.slice(dot);
  if (kind !== '.xxhash' && kind !== '.checksum') throw new Error(`Found unsupported checksum file: ${entry.name}`);
  const expected = kind === '.xxhash' ? await xxhash(bytes) : createHash('sha1').update(bytes).digest('hex');
  const found = (await reader.read(entry.size)).toString('latin1');
  await reader.read(paddingOf(entry.size));
  if (entry.name.slice(0, dot) !== name) throw new Error(`Not_found: ${entry.name}`);
  if (found !== expected && !force) {
    throw new Error(`Invalid_checksum("Block ${name} checksum failed: original = ${found}; recomputed = ${expected}")`);
  }
  return expected;
}

let hasher: Awaited<ReturnType<typeof createXXHash64>> | undefined;

/** Sixteen upper-case digits, as `%016LX` writes them. */
export async function xxhash(bytes: Buffer): Promise<string> {
  hasher ??= await createXXHash64();
  return hasher.init().update(bytes).digest('hex').toUpperCase();
}

/** Exports of before 2006 end with a table of all checksums. */
async function compareTable(reader: ExactReader, sums: Map<string, string>, force: boolean): Promise<void> {
  const entry = await readTarHeader(reader);
  if (entry === undefined) throw new EndOfFile();
  const table = parseXmlValue((await reader.read(entry.size)).toString('utf8')) as Record<string, string>;
  const wrong = [...sums].some(([name, sum]) => table[name] !== sum);
  if (wrong && !force) throw new XapiFault('IMPORT_ERROR_SOME_CHECKSUMS_FAILED');
}
