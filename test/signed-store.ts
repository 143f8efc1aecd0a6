import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { openTrust, type StoreTrust, type TrustSettings } from '../src/keys/open-trust.ts';
import type { SigningKey } from '../src/model/signing-key.ts';
import type { Store } from '../src/model/store.ts';
import { digestOf } from '../src/util/digest.ts';
import type { EventBody } from '../src/util/events.ts';

/** A machine that uses a store: with a memory of its own, and perhaps a key. */
export interface Machine {
  stateDir: string;
  events: EventBody[];
  /** What its clock says. */
  now: Date;
  trust(store: Store, settings?: Partial<TrustSettings>): Promise<StoreTrust>;
  remove(): Promise<void>;
}

export async function newMachine(signingKey?: SigningKey): Promise<Machine> {
  const stateDir = await mkdtemp(join(tmpdir(), 'machine-'));
  const machine: Machine = {
    stateDir,
    events: [],
    now: new Date('2026-11-25T10:00:00Z'),
    trust: (store, settings = {}) =>
      openTrust(store, {
        stateDir,
        signingKey,
        fingerprints: [],
        create: signingKey !== undefined,
        now: () => machine.now,
        emit: (event) => machine.events.push(event),
        ...settings,
      }),
    remove: () => rm(stateDir, { recursive: true }),
  };
  return machine;
}

/** Puts an object there, whatever was there before: what somebody with the store in his hands can do. */
export async function overwrite(store: Store, key: string, bytes: Uint8Array): Promise<void> {
  const path = pathIn(store, key);
  if (path !== undefined) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
    return;
  }
  await store.delete(key);
  await store.put(key, { bytes }, { digest: digestOf(bytes), size: bytes.length });
}

/** Folders are changed under the store: that is quicker, and what a thief would do. */
function pathIn(store: Store, key: string): string | undefined {
  return store.id === 'file' ? join(store.url.replace(/^file:/, ''), key) : undefined;
}

/** All objects of a store, to be put back later. */
export async function snapshotOf(store: Store): Promise<Map<string, Buffer>> {
  const objects = new Map<string, Buffer>();
  for await (const { key } of store.list('')) objects.set(key, await buffer(await store.get(key)));
  return objects;
}

export async function putBack(store: Store, snapshot: Map<string, Buffer>): Promise<void> {
  for await (const { key } of store.list('')) {
    const path = pathIn(store, key);
    if (path === undefined) await store.delete(key);
    else await rm(path);
  }
  for (const [key, bytes] of snapshot) await overwrite(store, key, bytes);
}
