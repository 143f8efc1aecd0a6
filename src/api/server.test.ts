import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adminPassword, type ApiWorld, makeApiWorld } from '../../test/api-world.ts';

let world: ApiWorld;

beforeAll(async () => {
  world = await makeApiWorld();
});

afterAll(async () => {
  await world.remove();
});

const image = '/images/debian-12/20261102.1';

test('health, readiness and the description are for everybody', async () => {
  expect(await world.call('GET /health', { as: null })).toMatchObject({ status: 200, body: { ok: true } });
  expect(await world.call('GET /ready', { as: null })).toMatchObject({
    body: {
      ready: true,
      checks: [
        { name: 'database', ok: true },
        { name: 'store main', ok: true },
      ],
    },
  });
  expect(await world.call('GET /about', { as: null })).toMatchObject({ body: { setupNeeded: false, login: { password: true } } });
  expect((await world.call('GET /openapi.json', { as: null })).body).toMatchObject({ openapi: '3.1.0' });
});

test('templates: list, read, check with places, write with an etag, plan refused for faults', async () => {
  const list = await world.call('GET /templates');
  expect(list.body).toContainEqual(
    expect.objectContaining({ name: 'debian-12', newest: '20261102.1', channels: { dev: '20261101.1' } }),
  );
  const read = await world.call('GET /templates/debian-12');
  expect(read.body).toMatchObject({
    name: 'debian-12',
    language: 'yaml',
    writable: true,
    resolved: { distro: 'debian' },
    faults: [],
  });
  const checked = await world.call('POST /templates/mine/check', {
    body: { yaml: 'name: mine\nextends: debian-12\ndisk:\n  sizes: 8GiB\n' },
  });
  expect(checked).toMatchObject({ status: 200, body: { ok: false, faults: [{ line: 4, column: 3 }] } });
  const made = await world.call('POST /templates', { body: { name: 'mine', from: 'debian-12' } });
  expect(made).toMatchObject({ status: 201, body: { name: 'mine', extends: ['debian-12', 'base'] } });
  expect((await world.call('POST /templates', { body: { name: 'mine', from: 'debian-12' } })).status).toBe(409);
  const { etag } = made.body as { etag: string };
  const yaml = 'name: mine\nextends: debian-12\ndescription: Changed\n';
  expect(
    (await world.call('PUT /templates/mine', { body: { yaml }, headers: { 'if-match': '"sha256:'.concat('0'.repeat(64), '"') } }))
      .status,
  ).toBe(412);
  expect(await world.call('PUT /templates/mine', { body: { yaml }, headers: { 'if-match': `"${etag}"` } })).toMatchObject({
    status: 200,
    body: { resolved: { description: 'Changed' } },
  });
  expect(await world.call('PUT /templates/mine', { body: { yaml: 'name: mine\nextends: nowhere\n' } })).toMatchObject({
    status: 422,
    body: { code: 'TEMPLATE_INVALID', faults: [{ line: 2 }] },
  });
  expect(await world.call('POST /plans', { body: { template: 'mine', yaml: 'name: mine\nextends: nowhere\n' } })).toMatchObject({
    status: 422,
    body: { code: 'TEMPLATE_INVALID' },
  });
  expect((await world.call('GET /template-schema')).body).toMatchObject({ title: 'Gabarit template' });
});

test('images: pages, search, evidence, differences', async () => {
  const first = await world.call('GET /images?limit=1');
  expect(first.body).toMatchObject({
    items: [{ version: '20261102.1', channels: [], signed: true }],
    next: expect.any(String) as string,
  });
  const { next } = first.body as { next: string };
  expect((await world.call(`GET /images?limit=1&cursor=${next}`)).body).toEqual({
    items: [expect.objectContaining({ version: '20261101.1', channels: ['dev'] })],
  });
  expect((await world.call('GET /images?search=1102')).body).toMatchObject({ items: [{ version: '20261102.1' }] });
  expect((await world.call('GET /images?channel=dev')).body).toMatchObject({ items: [{ version: '20261101.1' }] });
  expect((await world.call('GET /images?cursor=nonsense')).status).toBe(400);
  expect((await world.call('GET /images?search=a&search=b')).status).toBe(400);
  expect((await world.call(`GET ${image}`)).body).toMatchObject({ manifest: { template: 'debian-12' }, channels: [] });
  expect((await world.call(`GET ${image}/packages?search=ssl`)).body).toEqual([
    { name: 'openssl', arch: 'amd64', version: '3.0.16-1' },
  ]);
  expect((await world.call(`GET ${image}/checks`)).body).toMatchObject([{ check: 'machine-id', status: 'pass' }]);
  expect((await world.call(`GET ${image}/inventory`)).body).toMatchObject({ ports: ['22/tcp ssh'] });
  expect((await world.call(`GET ${image}/report`)).text).toContain('<testsuite');
  expect((await world.call(`GET ${image}/provenance`)).status).toBe(404);
  expect((await world.call(`GET ${image}/ancestry`)).body).toEqual({ ancestors: [], descendants: [] });
  expect((await world.call('GET /diffs?from=debian-12@20261101.1&to=debian-12@20261102.1')).body).toMatchObject({
    packages: { changed: { 'openssl:amd64': { from: '3.0.15-1', to: '3.0.16-1' } } },
    folders: [{ folder: '/usr', from: 1000, to: 2000 }],
  });
  expect((await world.call('GET /images/debian-12/20990101.1')).status).toBe(404);
});

test('files are downloaded whole and in parts, and go on only with the same bytes', async () => {
  const whole = await world.call(`GET ${image}/files/disk.qcow2`);
  expect(whole).toMatchObject({ status: 200, text: 'disk of debian-12 20261102.1' });
  const etag = whole.headers.get('etag') ?? '';
  expect(etag).toMatch(/^"sha256:[0-9a-f]{64}"$/);
  const part = async (range: string, ifRange = etag): Promise<[number, string, string | null]> => {
    const { status, text, headers } = await world.call(`GET ${image}/files/disk.qcow2`, {
      headers: { range, 'if-range': ifRange },
    });
    return [status, text, headers.get('content-range')];
  };
  expect(await part('bytes=5-6')).toEqual([206, 'of', 'bytes 5-6/28']);
  expect(await part('bytes=-10')).toEqual([206, '20261102.1', 'bytes 18-27/28']);
  expect(await part('bytes=18-')).toEqual([206, '20261102.1', 'bytes 18-27/28']);
  expect(await part('bytes=18-999')).toEqual([206, '20261102.1', 'bytes 18-27/28']);
  expect((await part('bytes=5-6', '"sha256:other"'))[0]).toBe(200);
  expect((await part('bytes=28-'))[0]).toBe(416);
  expect((await part('bytes=9-8'))[0]).toBe(416);
  expect((await part('lines=1-2'))[0]).toBe(200);
  expect(JSON.parse((await world.call(`GET ${image}/files/manifest.json`)).text)).toMatchObject({ schema: 'gabarit.manifest/1' });
  expect((await world.call(`GET ${image}/files/nothing.iso`)).status).toBe(404);
});

test('channels move with what was seen, go back, and images are revoked', async () => {
  const channels = async (): Promise<{ channel: string; version: string; digest: string }[]> =>
    (await world.call('GET /channels')).body as never;
  const [dev] = await channels();
  expect(dev).toMatchObject({ channel: 'dev', version: '20261101.1' });
  const move = { version: '20261102.1', seen: 'none' };
  expect(await world.call('PUT /channels/debian-12/dev', { body: move })).toMatchObject({
    status: 409,
    body: { code: 'CONFLICT' },
  });
  expect((await world.call('PUT /channels/debian-12/dev', { body: { ...move, seen: dev?.digest } })).status).toBe(200);
  const [now] = await channels();
  expect(now?.version).toBe('20261102.1');
  expect((await world.call('POST /channels/debian-12/dev/rollback', { body: { seen: dev?.digest } })).status).toBe(409);
  expect(await world.call('POST /channels/debian-12/dev/rollback', { body: { seen: now?.digest } })).toMatchObject({
    status: 200,
    body: { image: { version: '20261101.1' } },
  });
  expect((await world.call('POST /channels/debian-12/dev/rollback', { body: { seen: dev?.digest } })).status).toBe(404);
  expect(await world.call('POST /images/debian-12/20261102.1/revoke', { body: { reason: 'It does not boot' } })).toMatchObject({
    status: 200,
    body: { revoked: [{ version: '20261102.1' }] },
  });
  expect((await world.call('GET /images?revoked=true')).body).toMatchObject({
    items: [{ revoked: { by: 'admin', reason: 'It does not boot' } }],
  });
  expect((await world.call('PUT /channels/debian-12/dev', { body: { ...move, seen: dev?.digest } })).status).toBe(410);
  expect((await world.call('POST /images/debian-12/20261102.1/restore')).status).toBe(200);
});

test('jobs: asked for once by key and by content, listed, cancelled, tried again', async () => {
  const body = { request: { kind: 'build', template: 'debian-12', publish: { channel: 'dev' } } };
  const headers = { 'idempotency-key': 'first' };
  const made = await world.call('POST /jobs', { body, headers });
  expect(made).toMatchObject({ status: 201, body: { state: 'queued', requestedBy: 'admin', title: 'build debian-12' } });
  const { id } = made.body as { id: string };
  expect((await world.call('POST /jobs', { body, headers })).body).toMatchObject({ id });
  expect((await world.call('POST /jobs', { body })).body).toMatchObject({ id });
  // What is shown of a job can be asked for again: the store has the name by which this server knows it.
  const { request } = made.body as { request: { publish: { store: string } } };
  expect(request.publish.store).toBe('main');
  expect((await world.call('POST /jobs', { body: { request } })).body).toMatchObject({ id });
  expect((await world.call('POST /jobs', { body: { request: { kind: 'build', template: 'debian-13' } }, headers })).status).toBe(
    422,
  );
  expect((await world.call('POST /jobs', { body: { request: { kind: 'build', template: 'nothing-such' } } })).status).toBe(404);
  expect((await world.call('GET /jobs?state=queued')).body).toMatchObject({ items: [{ id }] });
  expect((await world.call(`GET /jobs/${id}`)).body).toMatchObject({ id, steps: [] });
  expect((await world.call(`GET /jobs/${id}/log`)).body).toMatchObject({ lines: [], next: 0 });
  expect((await world.call(`GET /jobs/${id}/plan`)).status).toBe(404);
  expect((await world.call(`GET /jobs/${id}/consoles`)).body).toEqual([]);
  expect((await world.call(`POST /jobs/${id}/retry`, { body: {} })).status).toBe(409);
  expect((await world.call(`POST /jobs/${id}/cancel`)).body).toMatchObject({ state: 'cancelled' });
  expect((await world.call(`POST /jobs/${id}/retry`, { body: {} })).body).toMatchObject({ id, state: 'queued' });
  await world.call(`POST /jobs/${id}/cancel`);
  expect((await world.call('GET /workers')).body).toBeInstanceOf(Array);
});

test('schedules are made, changed, run and removed', async () => {
  const schedule = { cron: '0 3 * * *', request: { kind: 'build', template: 'debian-12', onlyIfChanged: true } };
  expect(await world.call('PUT /schedules/nightly', { body: schedule })).toMatchObject({
    status: 200,
    body: { id: 'nightly', next: expect.any(String) as string },
  });
  expect((await world.call('PUT /schedules/nightly', { body: { ...schedule, cron: 'soon' } })).status).toBe(400);
  const ran = await world.call('POST /schedules/nightly/run');
  expect(ran).toMatchObject({ status: 201, body: { schedule: 'nightly' } });
  await world.call(`POST /jobs/${(ran.body as { id: string }).id}/cancel`);
  expect((await world.call('DELETE /schedules/nightly')).status).toBe(204);
  expect((await world.call('GET /schedules')).body).toEqual([]);
});

test('figures for Prometheus', async () => {
  const { text, headers } = await world.call('GET /metrics');
  expect(headers.get('content-type')).toContain('text/plain; version=0.0.4');
  expect(text).toContain('gabarit_jobs{state="queued"} 0');
  expect(text).toContain('gabarit_images{store="main",template="debian-12"} 2');
  for (const line of text.split('\n').filter(Boolean)) expect(line).toMatch(/^(#|[a-z_]+(\{[^}]*\})? -?[\d.e+-]+$)/);
});

test('whatever is wrong with a request is said at once, as a problem', async () => {
  const { status, body, headers } = await world.call('POST /jobs', {
    body: { request: { kind: 'build', template: '../etc' }, priority: 99, labels: ['Ä'] },
  });
  expect(status).toBe(400);
  expect(headers.get('content-type')).toContain('application/problem+json');
  expect((body as { faults: { message: string }[] }).faults.map(({ message }) => message.split(':')[0])).toEqual([
    'body.request.template',
    'body.priority',
    'body.labels.0',
  ]);
  expect((await world.call('GET /nowhere')).body).toMatchObject({ code: 'NOT_FOUND', status: 404 });
  expect((await world.call('POST /jobs', { body: '{"request": ', headers: {} })).status).toBe(400);
  expect((await world.call('POST /jobs', { body: '{"__proto__": {"x": 1}}' })).status).toBe(400);
  expect(
    (await world.call('POST /jobs', { body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } })).status,
  ).toBe(415);
  expect((await world.call('POST /jobs', { body: JSON.stringify({ x: 'y'.repeat(600_000) }) })).status).toBe(413);
});

test('an admin looks after users, tokens and the audit log', async () => {
  const grants = [{ role: 'builder', templates: 'debian-*' }];
  expect(await world.call('POST /users', { body: { name: 'berta', password: 'violet ember north kite', grants } })).toMatchObject(
    {
      status: 201,
      body: { grants: [{ channels: '*' }] },
    },
  );
  expect((await world.call('POST /users', { body: { name: 'short', password: 'short', grants } })).status).toBe(400);
  expect((await world.call('PUT /users/berta', { body: { enabled: false } })).body).toMatchObject({ enabled: false });
  expect((await world.call('DELETE /users/admin')).body).toMatchObject({ code: 'CONFLICT' });
  expect((await world.call('PUT /users/admin', { body: { grants } })).status).toBe(409);
  expect((await world.call('DELETE /users/berta')).status).toBe(204);
  const made = await world.call('POST /tokens', { body: { name: 'ci', grants: [{ role: 'viewer' }], days: 1 } });
  const { token, id } = made.body as { token: string; id: string };
  expect(token).toMatch(/^gbt_[\w-]{43}$/);
  expect((await world.call('GET /users', { as: token })).status).toBe(403);
  expect((await world.call('GET /templates', { as: token })).status).toBe(200);
  expect(JSON.stringify((await world.call('GET /tokens')).body)).not.toContain(token);
  expect((await world.call(`DELETE /tokens/${id}`)).status).toBe(204);
  expect((await world.call('GET /templates', { as: token })).status).toBe(401);
  const { items } = (await world.call('GET /audit?limit=8')).body as { items: { action: string; number: number }[] };
  expect(items.map(({ action }) => action)).toEqual(expect.arrayContaining(['revokeToken', 'createToken']));
  expect((await world.call('GET /audit?action=createUser')).body).toMatchObject({
    items: [{ outcome: 'failed' }, { outcome: 'done', on: { user: 'berta' } }],
  });
  expect((await world.call('POST /audit/verify')).body).toMatchObject({ ok: true });
});

test('a session: log in, who am I, change the password, log out', async () => {
  const site = { origin: world.url, 'sec-fetch-site': 'same-origin' };
  const login = await world.call('POST /session', { as: null, body: { name: 'admin', password: adminPassword }, headers: site });
  expect(login).toMatchObject({ status: 200, body: { name: 'admin', by: 'session' } });
  const cookie = (login.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  expect(login.headers.get('set-cookie')).toMatch(/^gabarit=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=86400$/);
  const mine = { as: null, headers: { ...site, cookie } };
  expect((await world.call('GET /session', mine)).body).toMatchObject({ name: 'admin', grants: [{ role: 'admin' }] });
  expect(
    (await world.call('PUT /session/password', { ...mine, body: { old: 'wrong', password: 'tulip anchor seven lamp' } })).status,
  ).toBe(403);
  expect(
    (await world.call('PUT /session/password', { ...mine, body: { old: adminPassword, password: 'tulip anchor seven lamp' } }))
      .status,
  ).toBe(204);
  expect(
    (await world.call('POST /session', { as: null, body: { name: 'admin', password: adminPassword }, headers: site })).status,
  ).toBe(401);
  expect((await world.call('DELETE /session', mine)).status).toBe(204);
  expect((await world.call('GET /session', mine)).status).toBe(401);
});

test('who sets the server up gets a key to sign with, when there is none', async () => {
  const known = await world.call('GET /signing-key');
  expect(known.body).toMatchObject({ fingerprint: (await world.app.keys.signingKey())?.public.id });
  await rm(join(world.folder, 'keys'), { recursive: true });
  await world.served.parts.database.query('DELETE FROM users');
  const token = await world.served.parts.users.newSetupToken();
  const body = { token, name: 'first', password: 'copper lantern fig walrus' };
  expect((await world.call('GET /about', { as: null })).body).toMatchObject({ setupNeeded: true });
  expect((await world.call('POST /setup', { as: null, body: { ...body, token: 'setup-guessed' } })).status).toBe(403);
  const done = await world.call('POST /setup', { as: null, body });
  expect(done).toMatchObject({ status: 201, body: { name: 'first', grants: [{ role: 'admin' }] } });
  const made = await world.app.keys.signingKey();
  expect(made?.public.id).not.toBe((known.body as { fingerprint: string }).fingerprint);
  expect(await world.served.parts.audit.page({ limit: 5 })).toContainEqual(
    expect.objectContaining({ action: 'signingKey.made', on: { user: 'first', key: 'default', fingerprint: made?.public.id } }),
  );
  expect((await world.call('POST /setup', { as: null, body })).status).toBe(409);
});
