import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addressFault, guardedPost, pinUrl } from './guarded-fetch.ts';

/** Names of somebody who means no good, and where they lead. */
const names: Record<string, string[]> = {
  'public.example': ['93.184.215.14'],
  'public6.example': ['2606:2800:21f:cb07:6820:80da:af6b:8b2c'],
  'rebinding.example': ['93.184.215.14', '127.0.0.1'],
  '127.0.0.1.nip.example': ['127.0.0.1'],
  'metadata.example': ['169.254.169.254'],
  'private.example': ['10.1.2.3'],
  'mapped.example': ['::ffff:10.1.2.3'],
  'linklocal.example': ['fe80::1'],
  localhost: ['127.0.0.1', '::1'],
};
const resolve = async (host: string): Promise<string[]> => names[host] ?? [];
const codeOf = (url: string, allow: string[] = []): Promise<string> =>
  pinUrl(url, { allow, resolve }).then(
    ({ address }) => address,
    (error: { code: string }) => error.code,
  );

const hostile = [
  'http://127.0.0.1/',
  'http://127.1/',
  'http://127.0.1/',
  'http://0x7f.1/',
  'http://0x7f000001/',
  'http://2130706433/',
  'http://017700000001/',
  'http://0177.0.0.1/',
  'http://127.0.0.1.:80/',
  'http://127.255.255.254/',
  'http://0.0.0.0/',
  'http://0/',
  'http://①②⑦.⓪.⓪.①/',
  'http://127。0。0。1/',
  'http://%31%32%37.0.0.1/',
  'http://[::1]/',
  'http://[::]/',
  'http://[0:0:0:0:0:0:0:1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:7f00:1]/',
  'http://[::ffff:10.0.0.1]/',
  'http://[::127.0.0.1]/',
  'http://[64:ff9b::127.0.0.1]/',
  'http://[64:ff9b::a00:1]/',
  'http://[64:ff9b:1::a00:1]/',
  'http://[2002:7f00:1::]/',
  'http://[2002:a00:1::1]/',
  'http://[2001:0:53aa:64c:0:fbff:aabb:ccdd]/',
  'http://[fe80::1]/',
  'http://[fec0::1]/',
  'http://[fc00::1]/',
  'http://[fd12:3456::1]/',
  'http://[ff02::1]/',
  'http://[100::1]/',
  'http://[2001:db8::1]/',
  'http://10.0.0.1/',
  'http://10.255.255.255/',
  'http://172.16.0.1/',
  'http://172.31.255.255/',
  'http://192.168.1.1/',
  'http://100.64.0.1/',
  'http://192.0.0.8/',
  'http://192.0.2.1/',
  'http://198.18.0.1/',
  'http://198.51.100.1/',
  'http://203.0.113.1/',
  'http://224.0.0.1/',
  'http://240.0.0.1/',
  'http://255.255.255.255/',
  'http://localhost/',
  'http://LOCALHOST./',
  'http://rebinding.example/',
  'http://127.0.0.1.nip.example/',
  'http://private.example/',
  'http://mapped.example/',
  'http://linklocal.example/',
  'http://nowhere.example/',
  'ftp://public.example/',
  'file:///etc/passwd',
  'gopher://public.example/',
  'javascript:alert(1)',
  'http://user:secret@public.example/',
  'http://public.example@127.0.0.1/',
  'http://',
  'not a url',
];
const metadata = [
  'http://169.254.169.254/latest/meta-data/',
  'http://169.254.170.2/',
  'http://0xa9fea9fe/',
  'http://2852039166/',
  'http://0251.0376.0251.0376/',
  'http://[::ffff:169.254.169.254]/',
  'http://[::ffff:a9fe:a9fe]/',
  'http://[64:ff9b::a9fe:a9fe]/',
  'http://[2002:a9fe:a9fe::]/',
  'http://[fd00:ec2::254]/',
  'http://[fd20:ce::254]/',
  'http://168.63.129.16/',
  'http://100.100.100.200/',
  'http://192.0.0.192/',
  'http://metadata.example/',
];

test.each(hostile)('refused: %s', async (url) => {
  expect(await codeOf(url)).toBe('USAGE');
});

test.each(metadata)('refused, whatever is allowed: %s', async (url) => {
  expect(await codeOf(url, ['0.0.0.0/0', '::/0'])).toBe('USAGE');
});

test('public addresses are allowed, private ones when an admin says so', async () => {
  expect(hostile.length + metadata.length).toBeGreaterThanOrEqual(60);
  expect(await codeOf('https://public.example/hook')).toBe('93.184.215.14');
  expect(await codeOf('https://public6.example/hook')).toBe('2606:2800:21f:cb07:6820:80da:af6b:8b2c');
  expect(await codeOf('https://1.1.1.1/')).toBe('1.1.1.1');
  expect(await codeOf('http://private.example/', ['10.1.0.0/16'])).toBe('10.1.2.3');
  expect(await codeOf('http://private.example/', ['10.2.0.0/16'])).toBe('USAGE');
  expect(addressFault('::ffff:10.1.2.3', { allow: ['10.1.0.0/16'] })).toBeUndefined();
  expect(addressFault('nonsense')).toBe('is no address');
});

let server: Server;
let port = 0;

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url === '/redirect') response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
    else if (request.url === '/endless') response.write('x'.repeat(1 << 20), () => response.destroy());
    else if (request.url === '/silent') return;
    else response.end(request.headers.host);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  port = (server.address() as AddressInfo).port;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

const post = (path: string, options = {}) =>
  guardedPost(
    `http://pinned.example:${port}${path}`,
    '{}',
    {},
    { allow: ['127.0.0.0/8'], resolve: async () => ['127.0.0.1'], ...options },
  );

test('the connection goes to the address that was judged, with the name that was given', async () => {
  let asked = 0;
  const once = async (): Promise<string[]> => {
    asked += 1;
    return asked === 1 ? ['127.0.0.1'] : ['169.254.169.254'];
  };
  expect(await post('/', { resolve: once })).toEqual({ status: 200, body: `pinned.example:${port}` });
  expect(asked).toBe(1);
});

test('redirects are not followed, answers are cut off, and nobody waits for ever', async () => {
  expect((await post('/redirect')).status).toBe(302);
  expect((await post('/endless')).body.length).toBeLessThanOrEqual(64 * 1024);
  await expect(post('/silent', { timeoutMs: 100 })).rejects.toMatchObject({ code: 'TIMEOUT' });
  await expect(guardedPost('http://127.0.0.1:1/', '{}', {}, { allow: ['127.0.0.0/8'] })).rejects.toMatchObject({
    code: 'TARGET_UNREACHABLE',
  });
});
