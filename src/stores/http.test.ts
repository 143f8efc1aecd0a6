import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../model/store.ts';
import { digestOf } from '../util/digest.ts';
import { Scope } from '../util/scope.ts';
import { http, openHttpStore } from './http.ts';

const content = 'x'.repeat(100_000);
const announced = { digest: digestOf(content), size: content.length };
let folder = '';
let scope = new Scope();
beforeEach(async () => {
  scope = new Scope();
  folder = await mkdtemp(join(tmpdir(), 'gabarit-http-'));
  scope.defer(() => rm(folder, { recursive: true }));
});
afterEach(() => scope.close());

async function serve(listener: RequestListener): Promise<Store> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.defer(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  return openHttpStore(`http://127.0.0.1:${(server.address() as AddressInfo).port}/base/`, {});
}

describe('a catalog on a web server', () => {
  it('is read below its address, and tells what is not there', async () => {
    const asked: string[] = [];
    const store = await serve(({ method, url }, response) => {
      asked.push(`${method} ${url}`);
      if (url !== '/base/a/b') return response.writeHead(404).end();
      response.writeHead(200, { 'content-length': 5, etag: '"1"', 'last-modified': 'Mon, 23 Nov 2026 10:00:00 GMT' });
      return response.end(method === 'GET' ? 'hello' : '');
    });
    expect(await text(await store.get('a/b'))).toBe('hello');
    expect(await store.head('a/b')).toEqual({ key: 'a/b', size: 5, etag: '"1"', modified: new Date('2026-11-23T10:00:00Z') });
    expect(await store.head('none')).toBeUndefined();
    await expect(store.get('none')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(store.get('../etc/passwd')).rejects.toMatchObject({ code: 'USAGE' });
    expect(asked).toEqual(['GET /base/a/b', 'HEAD /base/a/b', 'HEAD /base/none', 'GET /base/none']);
  });

  it('is never changed, nor listed', async () => {
    const store = openHttpStore('https://images.example/x', {});
    const readOnly = { code: 'USAGE', message: 'https://images.example/x can only be read' };
    await expect(store.put('a', { bytes: Buffer.from('x') }, { digest: digestOf('x'), size: 1 })).rejects.toMatchObject(readOnly);
    await expect(store.delete('a')).rejects.toMatchObject(readOnly);
    await expect(store.list('')[Symbol.asyncIterator]().next()).rejects.toMatchObject(readOnly);
    expect(store.readOnly).toBe(true);
  });

  it('has an address without secrets', () => {
    expect(['http://x/y', 'https://x', 's3://b', '/srv'].map((url) => http.accepts(url))).toEqual([true, true, false, false]);
    for (const url of ['https://me:secret@x/y', 'https://x/y?token=secret', 'https://'])
      expect(() => openHttpStore(url, {})).toThrow('is not the address of a catalog');
    expect(() => openHttpStore('https://me:hunter2@x/y', {})).not.toThrow('hunter2');
    expect(() => openHttpStore('https://x', { settings: { ca: join(folder, 'none.pem') } as never })).toThrow('cannot be read');
  });

  it('goes on with a download where it was cut, in another process too, and gives the file its name last', async () => {
    const ranges: (string | undefined)[] = [];
    const store = await serve((request, response) => {
      ranges.push(request.headers.range);
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      response.writeHead(from > 0 ? 206 : 200, { 'content-length': content.length - from });
      if (ranges.length > 2) return response.end(content.slice(from));
      return response.write(content.slice(from, from + 30_000), () => setTimeout(() => response.destroy(), 50));
    });
    const path = join(folder, 'disk');
    const seen: number[] = [];
    await store.download('disk', path, { ...announced, onProgress: (bytes) => seen.push(bytes) });
    expect(ranges).toEqual([undefined, 'bytes=30000-', 'bytes=60000-']);
    expect(await readFile(path, 'utf8')).toBe(content);
    expect(seen.at(-1)).toBe(content.length);
    const part = `${path}2.${announced.digest.slice(7, 23)}.part`;
    await writeFile(part, content.slice(0, 99_990));
    await store.download('disk', `${path}2`, announced);
    expect(ranges.at(-1)).toBe('bytes=99990-');
    expect((await readdir(folder)).toSorted()).toEqual(['disk', 'disk2']);
  });

  it('begins anew where the server knows no ranges', async () => {
    const store = await serve((_, response) => response.end(content));
    await writeFile(join(folder, `disk.${announced.digest.slice(7, 23)}.part`), 'yyy');
    await store.download('disk', join(folder, 'disk'), announced);
    expect(await readFile(join(folder, 'disk'), 'utf8')).toBe(content);
  });

  it.each([
    ['other bytes', 'y'.repeat(content.length)],
    ['more bytes', `${content}x`],
  ])('accepts no %s', async (_, answer) => {
    const store = await serve((__, response) => response.end(answer));
    await expect(store.download('disk', join(folder, 'disk'), announced)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(await readdir(folder).then((names) => names.includes('disk'))).toBe(false);
  });

  it('follows nobody elsewhere, and says what an answer means', async () => {
    const store = await serve(({ url }, response) =>
      response.writeHead(Number(url?.slice(-3)), { location: 'http://127.0.0.1:1/' }).end(),
    );
    await expect(store.get('302')).rejects.toMatchObject({ code: 'STORE_FAILED', hint: 'Give the address that it leads to.' });
    await expect(store.get('403')).rejects.toMatchObject({
      code: 'STORE_FAILED',
      hint: expect.stringContaining('readable for everybody'),
    });
  });
});
