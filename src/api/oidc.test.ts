import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiWorld, makeApiWorld } from '../../test/api-world.ts';
import { apiPrefix } from '../model/api/contract.ts';

/** The whole way through a real OpenID provider, with a browser that keeps cookies and follows redirects. */

let world: ApiWorld;
let server: Server;
let issuer = '';
const groups: Record<string, string[]> = { anna: ['vm-admins'], berta: ['web-team'], carla: ['others'] };

beforeAll(async () => {
  server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  world = await makeApiWorld({
    environment: { OIDC_SECRET: 'the secret of the client' },
    config: `server:
  oidc:
    title: Example
    issuer: ${issuer}
    clientId: gabarit
    clientSecret: env:OIDC_SECRET
    groups:
      vm-admins: [{role: admin}]
      web-team: [{role: builder, templates: 'web-*'}]
`,
  });
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'gabarit',
        client_secret: 'the secret of the client',
        redirect_uris: [`${world.url}${apiPrefix}/session/oidc/callback`],
      },
    ],
    claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
    scopes: ['openid', 'profile', 'groups'],
    cookies: { keys: ['a key for the cookies of the test'] },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, sub) => ({
      accountId: sub,
      claims: () => ({ sub, preferred_username: `${sub}@corp.example`, groups: groups[sub] ?? [] }),
    }),
  });
  server.on('request', provider.callback());
});

afterAll(async () => {
  await world.remove();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

/** A browser without a screen: cookies by host and path are simplified to one jar an origin. */
function browser() {
  const jars = new Map<string, Map<string, string>>();
  async function go(address: string, init: RequestInit = {}): Promise<{ url: string; status: number; text: string }> {
    let next = address;
    let options = init;
    for (let hops = 0; hops < 20; hops += 1) {
      const { origin } = new URL(next);
      const jar = jars.get(origin) ?? new Map<string, string>();
      jars.set(origin, jar);
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
      const answer = await fetch(next, { ...options, redirect: 'manual', headers: { cookie } });
      for (const line of answer.headers.getSetCookie()) {
        const [pair = ''] = line.split(';');
        const at = pair.indexOf('=');
        if (/max-age=0/i.test(line) || /expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(pair.slice(0, at));
        else jar.set(pair.slice(0, at), pair.slice(at + 1));
      }
      const location = answer.headers.get('location');
      if (location === null || answer.status < 300 || answer.status > 399)
        return { url: next, status: answer.status, text: await answer.text() };
      next = new URL(location, next).href;
      options = {};
    }
    throw new Error('it goes round in circles');
  }
  const form = (fields: Record<string, string>): RequestInit => ({
    method: 'POST',
    body: new URLSearchParams(fields),
    headers: {},
  });
  return {
    go,
    jars,
    /** Logs in as somebody, and consents. */
    async login(name: string): Promise<{ url: string; status: number; text: string }> {
      const page = await go(`${world.url}${apiPrefix}/session/oidc`);
      expect(page.text).toContain('name="login"');
      const action = /<form[^>]*action="([^"]+)"/.exec(page.text)?.[1] ?? page.url;
      const consent = await go(new URL(action, page.url).href, form({ prompt: 'login', login: name, password: 'x' }));
      const grant = /<form[^>]*action="([^"]+)"/.exec(consent.text)?.[1] ?? consent.url;
      return go(new URL(grant, consent.url).href, form({ prompt: 'consent' }));
    },
    async me(): Promise<unknown> {
      const { text } = await go(`${world.url}${apiPrefix}/session`);
      return JSON.parse(text);
    },
  };
}

test('who is in a group logs in, and may what the group may', { timeout: 60_000 }, async () => {
  expect((await world.call('GET /about', { as: null })).body).toMatchObject({ login: { oidc: 'Example' } });
  const anna = browser();
  expect(await anna.login('anna')).toMatchObject({ status: 200, text: expect.stringContaining('url=/') as string });
  expect(await anna.me()).toMatchObject({ name: 'anna', kind: 'oidc', grants: [{ role: 'admin' }] });
  const berta = browser();
  await berta.login('berta');
  expect(await berta.me()).toMatchObject({ name: 'berta', grants: [{ role: 'builder', templates: 'web-*' }] });
  // The groups count anew with each login.
  groups['berta'] = ['vm-admins'];
  const again = browser();
  await again.login('berta');
  expect(await again.me()).toMatchObject({ name: 'berta', grants: [{ role: 'admin' }] });
});

test('who is in no group, or was locked out, does not get in', { timeout: 60_000 }, async () => {
  expect(await browser().login('carla')).toMatchObject({
    status: 403,
    text: expect.stringContaining('may do nothing here') as string,
  });
  await browser().login('anna');
  await world.call('PUT /users/anna', { body: { enabled: false } });
  expect((await browser().login('anna')).status).toBe(403);
});

test('an answer of the provider counts once, and only in the browser that asked', { timeout: 60_000 }, async () => {
  const callback = `${world.url}${apiPrefix}/session/oidc/callback`;
  for (const query of [
    '',
    '?code=x',
    '?code=x&state=y',
    '?error=access_denied&state=y',
    `?code=x&state=y&iss=${encodeURIComponent('https://evil.example')}`,
  ]) {
    expect((await fetch(callback + query)).status).toBe(401);
  }
  const victim = browser();
  await victim.go(`${world.url}${apiPrefix}/session/oidc`);
  const jar = victim.jars.get(world.url);
  expect([...(jar?.keys() ?? [])]).toEqual(['gabarit-oidc']);
  expect((await victim.go(`${callback}?code=stolen&state=guessed`)).status).toBe(401);
  jar?.set('gabarit-oidc', 'AAAA');
  expect((await victim.go(`${callback}?code=x&state=y`)).status).toBe(401);
  expect(await victim.me()).toMatchObject({ code: 'NOT_LOGGED_IN' });
});
