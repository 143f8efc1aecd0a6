import { createHmac } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Answer, type ApiWorld, makeApiWorld } from '../../test/api-world.ts';
import { isSignedWebhook } from './webhook-signature.ts';

const secret = 'a secret that GitHub knows too';
let world: ApiWorld;
let receiver: Server;
let url = '';
let status = 200;
const received: { headers: IncomingHttpHeaders; body: string }[] = [];

beforeAll(async () => {
  receiver = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => (body += part));
    request.on('end', () => {
      received.push({ headers: request.headers, body });
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((done) => receiver.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  world = await makeApiWorld({
    environment: { GITHUB_SECRET: secret },
    config: `server:
  allowNetworks: [127.0.0.0/8]
  github:
    site:
      secret: env:GITHUB_SECRET
      repository: acme/templates
      templates: [debian-12, debian-13]
      publish: {channel: dev}
`,
  });
});

afterAll(async () => {
  await world.remove();
  await new Promise((done) => receiver.close(done));
});

function push(
  body: string,
  {
    signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
    delivery = 'a1b2c3d4-1',
    event = 'push',
    hook = 'site',
  } = {},
): Promise<Answer> {
  return world.call(`POST /hooks/github/${hook}`, {
    as: null,
    body,
    headers: { 'x-hub-signature-256': signature, 'x-github-delivery': delivery, 'x-github-event': event },
  });
}
const pushed = (ref = 'refs/heads/main', repository = 'acme/templates'): string =>
  JSON.stringify({ ref, repository: { full_name: repository }, text: 'ünïcode\n' }, null, 2);

test('a push at GitHub builds templates, once for each delivery', async () => {
  const first = await push(pushed());
  expect(first).toMatchObject({ status: 202, body: { jobs: [expect.any(String), expect.any(String)] as string[] } });
  const [id = ''] = (first.body as { jobs: string[] }).jobs;
  expect((await world.call(`GET /jobs/${id}`)).body).toMatchObject({
    requestedBy: 'github:site',
    request: { template: 'debian-12', publish: { channel: 'dev' } },
  });
  expect((await push(pushed())).body).toMatchObject({ jobs: [], ignored: 'this delivery came before' });
  expect((await push(pushed('refs/heads/other'), { delivery: 'a1b2c3d4-2' })).body).toMatchObject({ ignored: 'another branch' });
  expect((await push(pushed('refs/heads/main', 'evil/templates'), { delivery: 'a1b2c3d4-3' })).body).toMatchObject({
    ignored: 'another repository',
  });
  expect((await push(pushed(), { delivery: 'a1b2c3d4-4', event: 'ping' })).body).toMatchObject({ jobs: [] });
  for (const job of (first.body as { jobs: string[] }).jobs) await world.call(`POST /jobs/${job}/cancel`);
});

test('what GitHub has not signed does nothing', async () => {
  const body = pushed();
  const good = createHmac('sha256', secret).update(body).digest('hex');
  for (const signature of [
    '',
    'sha256=',
    `sha256=${'0'.repeat(64)}`,
    `sha1=${createHmac('sha1', secret).update(body).digest('hex')}`,
    good,
    `sha256=${good.toUpperCase()}`,
  ]) {
    expect((await push(body, { signature, delivery: 'b1b2c3d4-1' })).status).toBe(403);
  }
  // The same data in other bytes.
  expect((await push(JSON.stringify(JSON.parse(body)), { signature: `sha256=${good}`, delivery: 'b1b2c3d4-2' })).status).toBe(
    403,
  );
  expect((await push(body, { hook: 'unknown' })).status).toBe(403);
  expect((await push(body, { delivery: '../x' })).status).toBe(400);
  const before = (await world.call('GET /jobs?requestedBy=github:site')).status;
  expect(before).toBe(400);
});

test('events go out signed by both secrets, and again after a failure', { timeout: 60_000 }, async () => {
  const made = await world.call('POST /webhooks', { body: { url, events: ['channel.moved'] } });
  expect(made).toMatchObject({ status: 201, body: { secrets: [{}] } });
  const { id, secret: first } = made.body as { id: string; secret: string };
  expect(first).toMatch(/^whsec_[\w-]{43}$/);
  const { secret: second } = (await world.call(`POST /webhooks/${id}/secrets`)).body as { secret: string };
  expect(JSON.stringify((await world.call('GET /webhooks')).body)).not.toContain(first);
  expect((await world.call(`POST /webhooks/${id}/test`)).body).toEqual({ status: 200 });
  expect(received.at(-1)?.headers['gabarit-event']).toBe('ping');

  status = 503;
  await world.call('PUT /channels/debian-12/edge', { body: { version: '20261102.1', seen: 'none' } });
  const until = async (isSo: () => boolean): Promise<void> => {
    for (let n = 0; !isSo() && n < 400; n += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  const moves = (): typeof received => received.filter(({ headers }) => headers['gabarit-event'] === 'channel.moved');
  await until(() => moves().length === 1);
  status = 200;
  await world.served.parts.database.query('UPDATE webhook_deliveries SET next = now() WHERE next IS NOT NULL');
  await until(() => moves().length === 2);
  const [failed, again] = moves();
  expect(again?.body).toBe(failed?.body);
  expect(again?.headers['gabarit-delivery']).toBe(failed?.headers['gabarit-delivery']);
  expect(JSON.parse(again?.body ?? '')).toMatchObject({
    event: 'channel.moved',
    data: { template: 'debian-12', channel: 'edge', by: 'admin' },
  });
  const header = String(again?.headers['gabarit-signature']);
  for (const known of [first, second]) expect(isSignedWebhook(again?.body ?? '', header, known, new Date())).toBe(true);

  const [
    {
      secrets: [older],
    },
  ] = (await world.call('GET /webhooks')).body as [{ secrets: [{ id: string }] }];
  expect((await world.call(`DELETE /webhooks/${id}/secrets/${older.id}`)).status).toBe(204);
  await world.call(`POST /webhooks/${id}/test`);
  const last = received.at(-1);
  expect(isSignedWebhook(last?.body ?? '', String(last?.headers['gabarit-signature']), first, new Date())).toBe(false);
  expect(isSignedWebhook(last?.body ?? '', String(last?.headers['gabarit-signature']), second, new Date())).toBe(true);
  expect((await world.call(`DELETE /webhooks/${id}`)).status).toBe(204);
});

test('nothing is sent into private networks, nor are secrets kept in the clear', async () => {
  for (const evil of [
    'http://169.254.169.254/',
    'http://10.0.0.1/',
    'http://[::ffff:a9fe:a9fe]/',
    'file:///etc/passwd',
    'http://user:pw@127.0.0.1/',
  ]) {
    expect((await world.call('POST /webhooks', { body: { url: evil, events: ['job.finished'] } })).status).toBe(400);
  }
  const { secret: hidden } = (await world.call('POST /webhooks', { body: { url, events: ['job.finished'] } })).body as {
    secret: string;
  };
  const rows = JSON.stringify(await world.served.parts.database.query('SELECT * FROM webhooks'));
  expect(rows).not.toContain(hidden);
  expect((await readFile(join(world.folder, 'state/server/secret.key'))).length).toBe(32);
});
