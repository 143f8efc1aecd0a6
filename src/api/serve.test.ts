import { mkdtemp, rm } from 'node:fs/promises';
import { request as requestHttps, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeCertificate } from '../../test/fakes/xapi/certificates.ts';
import { adminPassword, type ApiWorld, makeApiWorld } from '../../test/api-world.ts';
import { apiPrefix } from '../model/api/contract.ts';
import { readLocalServer } from './access/local-access.ts';
import { openClient } from './client.ts';
import { pinnedFetch } from './pinned-fetch.ts';
import { serve } from './serve.ts';

let folder: string;
let world: ApiWorld;
let ca = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'serve-'));
  const certificate = await makeCertificate(folder, '127.0.0.1', 'itself');
  ca = certificate.cert;
  world = await makeApiWorld({ tls: { cert: join(folder, '127.0.0.1.pem'), key: join(folder, '127.0.0.1.key') } });
});

afterAll(async () => {
  await world.remove();
  await rm(folder, { recursive: true });
});

/** `fetch` takes no authority for one call. */
function ask(
  path: string,
  options: RequestOptions = {},
  body?: string,
): Promise<{ status: number; headers: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const request = requestHttps(`${world.url}${path}`, { ca, agent: false, ...options }, (answer) => {
      answer.resume().once('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers }));
    });
    request.once('error', reject);
    if (body !== undefined) request.write(body);
    request.end();
  });
}

test('over TLS the session cookie is bound to this host, and the browser remembers TLS', async () => {
  expect(world.url).toMatch(/^https:/);
  const { headers, status } = await ask(
    `${apiPrefix}/session`,
    { method: 'POST', headers: { 'content-type': 'application/json' } },
    JSON.stringify({ name: 'admin', password: adminPassword }),
  );
  expect(status).toBe(200);
  expect(headers['strict-transport-security']).toBe('max-age=31536000');
  expect(String(headers['set-cookie'])).toMatch(
    /^__Host-gabarit=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=86400; Secure$/,
  );
  const [cookie = ''] = String(headers['set-cookie']).split(';');
  expect((await ask(`${apiPrefix}/session`, { headers: { cookie } })).status).toBe(200);
  expect((await ask(`${apiPrefix}/session`, { headers: { cookie: cookie.replace('__Host-', '') } })).status).toBe(401);
  expect((await ask(`${apiPrefix}/health`, { method: 'TRACE' })).status).toBe(404);
});

test('old versions of TLS, and certificates that nobody vouches for, are refused', async () => {
  await expect(
    ask(`${apiPrefix}/health`, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }),
  ).rejects.toThrow();
  await expect(ask(`${apiPrefix}/health`, { ca: undefined })).rejects.toThrow('self-signed');
});

test('commands on the same machine prove it by its own certificate, and no other', async () => {
  const local = await readLocalServer(join(world.folder, 'state/server/local.json'));
  if (local?.certificate === undefined) throw new Error('there is no server');
  const client = openClient({ url: local.url, token: local.token, fetch: pinnedFetch(local.certificate) });
  expect(await client.call('GET /session', {})).toMatchObject({ by: 'machine' });
  await expect(client.call('GET /jobs/:job', { params: { job: 'none' } })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  const another = await makeCertificate(await mkdtemp(join(folder, 'other-')), '127.0.0.1', 'itself');
  await expect(
    openClient({ url: local.url, token: local.token, fetch: pinnedFetch(another.cert) }).call('GET /session', {}),
  ).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' });
});

test('a server that would be unsafe does not start, or says so', async () => {
  const options = {
    host: '127.0.0.1',
    port: 0,
    stores: [],
    concurrency: 0,
    labels: [],
    command: ['/bin/false'],
    environment: {},
  };
  await expect(serve(world.app, { ...options, environment: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('NODE_TLS_REJECT_UNAUTHORIZED') as string,
  });
  // The folder of the database is that of the server that runs.
  await expect(serve(world.app, options)).rejects.toMatchObject({ code: 'DATABASE_IN_USE' });
  await expect(serve(world.app, { ...options, tls: { cert: '/nowhere', key: '/nowhere' } })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  });
  expect(world.served.warnings).toEqual([]);
});
