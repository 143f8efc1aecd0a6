import { access, mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { needs, needsRoot } from '../../test/tools.ts';
import type { Store } from '../model/store.ts';
import { digestOf } from '../util/digest.ts';
import { exec } from '../util/exec.ts';
import { retry } from '../util/retry.ts';
import { file, openFileStore } from './file.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gabarit-file-'));
});
afterEach(() => rm(folder, { recursive: true }));

function write(store: Store, key: string, body: string | Buffer): Promise<unknown> {
  const bytes = Buffer.from(body);
  return store.put(key, { bytes }, { digest: digestOf(bytes), size: bytes.length });
}

async function keysOf(store: Store): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  return keys;
}

describe('the store in a folder', () => {
  it('takes file URLs and paths', () => {
    expect(openFileStore('file:/srv/templates').url).toBe('file:/srv/templates');
    expect(openFileStore('file:///srv/my%20templates').url).toBe('file:/srv/my templates');
    expect(openFileStore('/srv/templates/').url).toBe('file:/srv/templates');
    expect(['file:/srv', './here', '/srv', 's3://bucket/x'].map((url) => file.accepts(url))).toEqual([true, true, true, false]);
    expect(() => openFileStore('file://elsewhere/srv')).toThrow('is not the URL of a folder');
  });

  it('makes nothing until the first write, and says that a folder to list is missing', async () => {
    const store = openFileStore(join(folder, 'none'));
    expect(await store.head('a')).toBeUndefined();
    await expect(keysOf(store)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await readdir(folder)).toEqual([]);
  });

  it('follows no symlink out of the folder, and overwrites none', async () => {
    const store = openFileStore(join(folder, 'store'));
    await write(store, 'a/b', 'inside');
    await mkdir(join(folder, 'outside'));
    await writeFile(join(folder, 'outside', 'secret'), 'secret');
    await symlink(join(folder, 'outside'), join(folder, 'store', 'out'));
    await symlink(join(folder, 'outside', 'secret'), join(folder, 'store', 'a', 'link'));
    for (const key of ['out/secret', 'out/new', 'a/link']) {
      await expect(write(store, key, 'x')).rejects.toMatchObject({ code: 'STORE_FAILED' });
      await expect(store.get(key)).rejects.toMatchObject({ code: 'STORE_FAILED' });
      await expect(store.head(key)).rejects.toMatchObject({ code: 'STORE_FAILED' });
      await expect(store.delete(key)).rejects.toMatchObject({ code: 'STORE_FAILED' });
    }
    expect(await keysOf(store)).toEqual(['a/b']);
    expect(await readdir(join(folder, 'outside'))).toEqual(['secret']);
    expect(await readFile(join(folder, 'outside', 'secret'), 'utf8')).toBe('secret');
  });

  it('works in a folder that is reached through a symlink', async () => {
    await mkdir(join(folder, 'real'));
    await symlink(join(folder, 'real'), join(folder, 'store'));
    const store = openFileStore(join(folder, 'store'));
    await write(store, 'a/b', 'x');
    expect(await text(await store.get('a/b'))).toBe('x');
  });

  it('leaves no part behind, and sweeps those of killed writers after a day', async () => {
    const parts = join(folder, '.gabarit', 'parts');
    await mkdir(parts, { recursive: true });
    for (const name of ['old.part', 'young.part']) await writeFile(join(parts, name), 'half');
    const twoDaysAgo = Date.now() / 1000 - 2 * 24 * 3600;
    await utimes(join(parts, 'old.part'), twoDaysAgo, twoDaysAgo);
    await write(openFileStore(folder), 'a', 'x');
    expect(await readdir(parts)).toEqual(['young.part']);
  });

  it('removes folders that became empty', async () => {
    const store = openFileStore(folder);
    await write(store, 'a/b/c', 'x');
    await write(store, 'a/d', 'x');
    await store.delete('a/b/c');
    expect(await readdir(join(folder, 'a'))).toEqual(['d']);
  });
});

describe.skipIf(needsRoot() || needs('mount', 'umount'))('on a full disk', () => {
  it('says so, keeps what was there, and leaves nothing of what did not fit', async () => {
    await exec(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
    try {
      const store = openFileStore(folder);
      await write(store, 'a', 'before');
      const big = Buffer.alloc(2 ** 21, 7);
      for (const key of ['a', 'b']) await expect(write(store, key, big)).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(await text(await store.get('a'))).toBe('before');
      await expect(access(join(folder, 'b'))).rejects.toMatchObject({ code: 'ENOENT' });
      expect(await readdir(join(folder, '.gabarit', 'parts'))).toEqual([]);
      await write(store, 'a', 'after');
      expect(await text(await store.get('a'))).toBe('after');
    } finally {
      // A reader's file is closed a moment after its end.
      await retry(() => exec(['umount', folder]), { attempts: 10, delayMs: 20, retryable: () => true });
    }
  });
});
