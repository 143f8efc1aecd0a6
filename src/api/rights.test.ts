import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiWorld, makeApiWorld } from '../../test/api-world.ts';
import { contract } from '../model/api/contract.ts';
import { type Contract, type Need, type Role, roles } from '../model/api/contract-type.ts';
import { may } from './access/caller.ts';

/** The table of roles and routes, made from the contract, every cell of it tried on the real server. */

let world: ApiWorld;
const tokens = new Map<Role | 'nobody', string | null>([['nobody', null]]);

beforeAll(async () => {
  world = await makeApiWorld();
  for (const role of roles) tokens.set(role, await world.user(`the-${role}`, [{ role, templates: '*', channels: '*' }]));
});

afterAll(async () => {
  await world.remove();
});

const routes = Object.entries(contract as Contract).filter(([, { media }]) => media !== 'text/event-stream');
/** Names that are well-formed and of nothing: whoever is let in finds nothing there. */
const names: Record<string, string> = {
  template: 'nothing',
  version: '20990101.1',
  channel: 'nowhere',
  file: 'nothing',
  job: 'nothing',
  machine: 'nothing',
  picture: 'nothing',
  schedule: 'nothing',
  user: 'nothing',
  token: 'nothing',
  hook: 'nothing',
  webhook: 'nothing',
  secret: 'nothing',
};

function allowed(needs: Need, who: Role | 'nobody'): boolean {
  if (needs === 'public') return true;
  if (who === 'nobody') return false;
  return needs === 'self' || roles.indexOf(who) >= roles.indexOf(needs);
}

test('every route says who may call it', () => {
  const open = routes.filter(([, { needs }]) => needs === 'public').map(([key]) => key);
  expect(open.toSorted()).toEqual([
    'GET /about',
    'GET /health',
    'GET /openapi.json',
    'GET /ready',
    'GET /session/oidc',
    'GET /session/oidc/callback',
    'POST /hooks/github/:hook',
    'POST /session',
    'POST /setup',
  ]);
});

for (const who of [...roles, 'nobody'] as const) {
  test(`${who}: all ${routes.length} routes`, async () => {
    const wrong: string[] = [];
    for (const [key, { needs }] of routes) {
      const path = key.replaceAll(/:([a-z]+)/g, (_, name: string) => names[name] ?? '');
      const isRead = key.startsWith('GET');
      const { status, body } = await world.call(path, { as: tokens.get(who) ?? null, ...(isRead ? {} : { body: {} }) });
      const isRefused = status === 401 || (status === 403 && (body as { detail: string }).detail.includes('may not act as'));
      if (isRefused === allowed(needs, who)) wrong.push(`${key}: ${status}`);
      if (who === 'nobody' && needs !== 'public' && status !== 401) wrong.push(`${key}: ${status}`);
    }
    expect(wrong).toEqual([]);
  });
}

test('rights end at templates and channels', () => {
  const grants = [
    { role: 'viewer' as const, templates: '*', channels: '*' },
    { role: 'publisher' as const, templates: 'web-*', channels: 'dev' },
  ];
  const can = (role: Role, about = {}): boolean => may({ grants }, role, about);
  expect(can('viewer', { template: 'debian-12' })).toBe(true);
  expect(can('viewer', { template: 'debian-12', channel: 'stable' })).toBe(true);
  expect(can('publisher', { template: 'web-1', channel: 'dev' })).toBe(true);
  expect(can('publisher', { template: 'web-1', channel: 'stable' })).toBe(false);
  expect(can('publisher', { template: 'debian-12', channel: 'dev' })).toBe(false);
  expect(can('builder', { template: 'web-1' })).toBe(true);
  expect(can('admin')).toBe(false);
  expect(may({ grants, limits: [{ role: 'viewer', templates: '*', channels: '*' }] }, 'builder', { template: 'web-1' })).toBe(
    false,
  );
});

test('a publisher of one channel moves no other, nor by a job; a builder of some templates sees and changes no others', async () => {
  const dev = await world.user('dev-publisher', [{ role: 'publisher', templates: 'debian-12', channels: 'dev' }]);
  const move = { version: '20261102.1', seen: 'none' };
  expect((await world.call('PUT /channels/debian-12/stable', { as: dev, body: move })).status).toBe(403);
  expect(
    (
      await world.call('POST /jobs', {
        as: dev,
        body: { request: { kind: 'build', template: 'debian-12', publish: { channel: 'stable' } } },
      })
    ).status,
  ).toBe(403);
  expect(
    (
      await world.call('PUT /schedules/x', {
        as: dev,
        body: { cron: '0 3 * * *', request: { kind: 'build', template: 'debian-12', publish: { channel: 'stable' } } },
      })
    ).status,
  ).toBe(403);
  // The image is in dev, but what it takes out of a channel that is not his stays.
  expect((await world.call('PUT /channels/debian-12/stable', { body: move })).status).toBe(200);
  expect(
    (await world.call('POST /images/debian-12/20261102.1/revoke', { as: dev, body: { reason: 'Not mine to say' } })).status,
  ).toBe(403);

  const other = await world.user('other-builder', [{ role: 'builder', templates: 'web-*', channels: '*' }]);
  const { body: job } = await world.call('POST /jobs', { body: { request: { kind: 'build', template: 'debian-12' } } });
  const { id } = job as { id: string };
  expect((await world.call('GET /images', { as: other })).body).toEqual({ items: [] });
  expect((await world.call('GET /templates', { as: other })).body).toEqual([]);
  expect((await world.call('GET /jobs', { as: other })).body).toMatchObject({ items: [] });
  expect((await world.call(`GET /jobs/${id}`, { as: other })).status).toBe(404);
  expect((await world.call(`GET /jobs/${id}/log`, { as: other })).status).toBe(404);
  expect((await world.call(`POST /jobs/${id}/cancel`, { as: other })).status).toBe(404);
  expect((await world.call('GET /images/debian-12/20261102.1', { as: other })).status).toBe(403);
  expect((await world.call('GET /diffs?from=debian-12@20261101.1&to=debian-12@20261102.1', { as: other })).status).toBe(403);
  expect((await world.call('POST /plans', { as: other, body: { template: 'debian-12' } })).status).toBe(403);
  expect((await world.call('POST /templates', { as: other, body: { name: 'debian-99', from: 'debian-12' } })).status).toBe(403);
  expect((await world.call('PUT /templates/debian-12', { as: other, body: { yaml: 'name: debian-12' } })).status).toBe(403);
  await world.call(`POST /jobs/${id}/cancel`);
});

test('nobody gives himself more: tokens and users', async () => {
  const builder = tokens.get('builder') as string;
  expect(
    (await world.call('POST /tokens', { as: builder, body: { name: 'x', grants: [{ role: 'admin' }], days: 1 } })).status,
  ).toBe(403);
  const limited = (await world.call('POST /tokens', { as: builder, body: { name: 'x', grants: [{ role: 'viewer' }], days: 1 } }))
    .body as { token: string };
  expect((await world.call('POST /tokens', { as: limited.token, body: { name: 'y', days: 1 } })).status).toBe(403);
  expect((await world.call('POST /tokens', { as: builder, body: { name: 'long', days: 91 } })).status).toBe(400);
  expect((await world.call('POST /tokens', { as: builder, body: { name: 'long', days: 90 } })).status).toBe(403);
  expect((await world.call('GET /tokens?all=true', { as: builder })).status).toBe(403);
  const { items } = { items: (await world.call('GET /tokens?all=true')).body as { id: string; user: string }[] };
  const foreign = items.find(({ user }) => user === 'admin')?.id ?? '';
  expect((await world.call(`DELETE /tokens/${foreign}`, { as: builder })).status).toBe(404);
});

test('a channel with a second approver moves when two people say so', async () => {
  const strict = await makeApiWorld({ config: 'catalog:\n  approvals:\n    stable: 2\n' });
  try {
    const second = await strict.user('second', [{ role: 'publisher', templates: '*', channels: '*' }]);
    const move = { version: '20261102.1', seen: 'none' };
    const proposed = await strict.call('PUT /channels/debian-12/stable', { body: move });
    expect(proposed).toMatchObject({ status: 200, body: { pending: { needed: 2, approvals: [{ by: 'admin' }] } } });
    const { digest } = (proposed.body as { image: { digest: string } }).image;
    expect((await strict.call('GET /channels')).body).toMatchObject([
      { channel: 'dev' },
      { channel: 'stable', digest: 'none', needed: 2, proposals: [{ version: '20261102.1' }] },
    ]);
    expect((await strict.call('POST /channels/debian-12/stable/approve', { body: { digest } })).status).toBe(400);
    expect(
      (await strict.call('POST /channels/debian-12/stable/approve', { as: second, body: { digest: `sha256:${'0'.repeat(64)}` } }))
        .status,
    ).toBe(409);
    expect(
      (await strict.call('POST /channels/debian-12/stable/approve', { as: second, body: { digest } })).body,
    ).not.toHaveProperty('pending');
    expect((await strict.call('GET /channels')).body).toMatchObject([
      {},
      { channel: 'stable', version: '20261102.1', by: 'second' },
    ]);
  } finally {
    await strict.remove();
  }
});
