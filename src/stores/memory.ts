import { Readable } from 'node:stream';
import type {
  ConditionalWrites,
  ObjectInfo,
  PutOptions,
  PutSource,
  Store,
  StorePlugin,
  TransferOptions,
} from '../model/store.ts';
import { downloadWhole } from './shared/download-whole.ts';
import { alreadyThere, hasChanged, notFound } from './shared/faults.ts';
import { checkKey, checkPrefix } from './shared/keys.ts';
import { verifiedSource } from './shared/verified-body.ts';

export const memory: StorePlugin = {
  id: 'memory',
  accepts: (url) => url === 'memory:',
  open: (url) => openMemoryStore(url),
};

/** A store that is gone when the process ends: for tests, and the plainest reading of what a store is. */
export function openMemoryStore(url = 'memory:'): Store {
  const objects = new Map<string, { bytes: Buffer; etag: string; modified: Date }>();
  let writes = 0;

  function infoOf(key: string): ObjectInfo | undefined {
    const object = objects.get(key);
    return object && { key, size: object.bytes.length, etag: object.etag, modified: object.modified };
  }

  function refuseUnlessAsAsked(key: string, options: PutOptions): void {
    const etag = objects.get(key)?.etag;
    if (options.ifAbsent && etag !== undefined) throw alreadyThere(url, key);
    if (options.ifMatch !== undefined && etag !== options.ifMatch) throw hasChanged(url, key);
  }

  async function put(key: string, source: PutSource, options: PutOptions): Promise<ObjectInfo> {
    checkKey(key);
    const chunks: Buffer[] = [];
    for await (const chunk of verifiedSource(key, source, options)) chunks.push(chunk);
    refuseUnlessAsAsked(key, options);
    writes += 1;
    const object = { bytes: Buffer.concat(chunks), etag: String(writes), modified: new Date() };
    objects.set(key, object);
    return { key, size: object.bytes.length, etag: object.etag, modified: object.modified };
  }

  async function get(key: string): Promise<Readable> {
    checkKey(key);
    const object = objects.get(key);
    if (!object) throw notFound(url, key);
    return Readable.from([object.bytes], { objectMode: false });
  }

  async function download(key: string, path: string, options: TransferOptions): Promise<void> {
    await downloadWhole(key, await get(key), path, options);
  }

  async function head(key: string): Promise<ObjectInfo | undefined> {
    checkKey(key);
    return infoOf(key);
  }

  async function* list(prefix: string): AsyncGenerator<ObjectInfo> {
    checkPrefix(prefix);
    for (const key of [...objects.keys()].toSorted()) {
      const info = key.startsWith(prefix) ? infoOf(key) : undefined;
      if (info) yield info;
    }
  }

  async function remove(key: string): Promise<void> {
    checkKey(key);
    objects.delete(key);
  }

  const conditionalWrites = async (): Promise<ConditionalWrites> => ({ ifAbsent: true, ifMatch: true });
  return { id: 'memory', url, put, get, download, head, list, delete: remove, conditionalWrites };
}
