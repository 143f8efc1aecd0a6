import { mkdir, open, rm, stat, truncate, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../../../src/util/exec.ts';
import { type Database, type FakeRecord, textOf } from './database.ts';
import { XapiFault } from './fault.ts';

const mib = 1024 * 1024;
/** VHD on a storage repository: 2 TiB less what its own tables take. */
const maxVirtualSize = 2 * 1024 ** 4 - 8 * 1024;

/** The storage repositories: disks are sparse raw files, which can be booted as they are. */
export class Storage {
  readonly #db: Database;
  readonly #folder: string;
  /** Repositories that promise more than they have, and fail when it is written. */
  readonly #thin = new Set<string>();

  constructor(db: Database, folder: string) {
    this.#db = db;
    this.#folder = folder;
  }

  setThin(sr: string): void {
    this.#thin.add(sr);
  }

  pathOf(vdi: string): string {
    return join(this.#folder, `${textOf(this.#db.get('VDI', vdi), 'uuid')}.raw`);
  }

  sizeOf(vdi: string): number {
    return Number(this.#db.get('VDI', vdi)['virtual_size']);
  }

  /** @throws XapiFault when the repository takes no disks, or has no room */
  async createVdi(values: FakeRecord): Promise<string> {
    const sr = textOf(values, 'SR');
    const record = this.#db.get('SR', sr);
    if (record['content_type'] === 'iso') throw new XapiFault('SR_OPERATION_NOT_SUPPORTED', [sr]);
    const size = Math.ceil(Number(values['virtual_size']) / mib) * mib;
    if (!(size > 0)) throw new XapiFault('SR_BACKEND_FAILURE_79', ['', 'VDI Invalid size', '']);
    if (size > maxVirtualSize) throw new XapiFault('SR_BACKEND_FAILURE_79', ['', 'VDI Invalid size [opterr=too big]', '']);
    if (!this.#thin.has(sr)) this.#needRoom(sr, size);
    const vdi = this.#db.create('VDI', { ...values, virtual_size: String(size), physical_utilisation: '0', managed: true });
    this.#db.set('VDI', vdi, { location: textOf(this.#db.get('VDI', vdi), 'uuid') });
    await mkdir(this.#folder, { recursive: true });
    await writeFile(this.pathOf(vdi), '');
    await truncate(this.pathOf(vdi), size);
    this.#account(sr);
    return vdi;
  }

  async destroyVdi(vdi: string): Promise<void> {
    const sr = textOf(this.#db.get('VDI', vdi), 'SR');
    const path = this.pathOf(vdi);
    this.#db.destroy('VDI', vdi);
    await rm(path, { force: true });
    this.#account(sr);
  }

  async copyVdi(vdi: string, sr: string): Promise<string> {
    const { uuid: _uuid, VBDs: _vbds, ...values } = structuredClone(this.#db.get('VDI', vdi));
    const copy = await this.createVdi({ ...values, SR: sr, VBDs: [] });
    await exec(['cp', '--sparse=always', '--reflink=auto', this.pathOf(vdi), this.pathOf(copy)]);
    await this.settle(copy);
    return copy;
  }

  async resizeVdi(vdi: string, bytes: number): Promise<void> {
    const before = this.sizeOf(vdi);
    if (bytes < before) throw new XapiFault('SR_BACKEND_FAILURE_79', ['', 'VDI Invalid size [opterr=shrinking not allowed]', '']);
    const sr = textOf(this.#db.get('VDI', vdi), 'SR');
    if (!this.#thin.has(sr)) this.#needRoom(sr, bytes - before);
    await truncate(this.pathOf(vdi), bytes);
    this.#db.set('VDI', vdi, { virtual_size: String(bytes) });
    this.#account(sr);
  }

  /** Opens a disk for writing; each write must lie in it, and find room. */
  async openForWriting(vdi: string): Promise<{ write(at: number, bytes: Buffer): Promise<void>; close(): Promise<void> }> {
    const file: FileHandle = await open(this.pathOf(vdi), 'r+');
    const size = this.sizeOf(vdi);
    const sr = textOf(this.#db.get('VDI', vdi), 'SR');
    const room = this.#thin.has(sr) ? this.freeIn(sr) : Number.POSITIVE_INFINITY;
    let written = 0;
    return {
      write: async (at, bytes) => {
        written += bytes.length;
        if (at + bytes.length > size || written > room) throw new XapiFault('VDI_IO_ERROR', ['Device I/O error']);
        await file.write(bytes, 0, bytes.length, at);
      },
      close: async () => {
        await file.close();
        await this.settle(vdi);
      },
    };
  }

  freeIn(sr: string): number {
    const record = this.#db.get('SR', sr);
    return Number(record['physical_size']) - Number(record['physical_utilisation']);
  }

  /** Counts what a disk really takes. */
  async settle(vdi: string): Promise<void> {
    if (!this.#db.has('VDI', vdi)) return;
    const { blocks } = await stat(this.pathOf(vdi));
    if (!this.#db.has('VDI', vdi)) return;
    this.#db.set('VDI', vdi, { physical_utilisation: String(blocks * 512) });
    this.#account(textOf(this.#db.get('VDI', vdi), 'SR'));
  }

  #needRoom(sr: string, bytes: number): void {
    if (bytes > this.freeIn(sr)) throw new XapiFault('SR_BACKEND_FAILURE_44', ['', 'There is insufficient space', '']);
  }

  #account(sr: string): void {
    const disks = this.#db.all('VDI').filter(({ record }) => record['SR'] === sr);
    const sum = (field: string): number => disks.reduce((total, { record }) => total + Number(record[field]), 0);
    this.#db.set('SR', sr, {
      virtual_allocation: String(sum('virtual_size')),
      physical_utilisation: String(sum(this.#thin.has(sr) ? 'physical_utilisation' : 'virtual_size')),
    });
  }
}
