import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { inspectMirrors } from './doctor-mirrors.ts';

const { signal } = new AbortController();

test('a mirror that answers, one that lacks the file and one that is not there', async () => {
  const methods: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    methods.push(request.method);
    response.writeHead(request.url === '/dists/bookworm/InRelease' ? 200 : 404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
  const { port: nobody } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())));

  const [good, wrong, gone] = await inspectMirrors(
    [
      { name: 'debian', url: `http://127.0.0.1:${port}/dists/bookworm/InRelease` },
      { name: 'own', url: `http://127.0.0.1:${port}/dists/nosuch/InRelease` },
      { name: 'gone', url: `http://127.0.0.1:${nobody}/InRelease` },
    ],
    signal,
  );
  expect(good).toMatchObject({ id: 'mirror.debian', status: 'ok' });
  expect(wrong).toMatchObject({ status: 'warn', found: expect.stringContaining('answers 404') as string });
  expect(gone).toMatchObject({ status: 'warn', found: expect.stringContaining('ECONNREFUSED') as string });
  expect(methods).toEqual(['HEAD', 'HEAD']);
});
