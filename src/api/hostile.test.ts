import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adminPassword, type ApiWorld, makeApiWorld } from '../../test/api-world.ts';
import { hashPassword, isPassword } from './access/password.ts';
import { openLockout, RateLimit } from './access/attempts.ts';
import { contract } from '../model/api/contract.ts';

/** What people who mean no good send to a server. */

let world: ApiWorld;

beforeAll(async () => {
  world = await makeApiWorld();
});

afterAll(async () => {
  await world.remove();
});

async function session(): Promise<string> {
  const answer = await world.call('POST /session', { as: null, body: { name: 'admin', password: adminPassword } });
  expect(answer.status).toBe(200);
  return (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
}

/** Bytes as they are, which `fetch` would put right; returns what comes back until the end of the connection. */
async function raw(text: string, { waitMs = 3000 } = {}): Promise<string> {
  const socket = connect(Number(new URL(world.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(text);
  let answer = '';
  socket.setEncoding('latin1').on('data', (part: string) => (answer += part));
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await Promise.race([closed, sleep(waitMs)]);
  socket.destroy();
  return answer;
}

const traversals = [
  '..',
  '../..',
  '../../etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  '..%252f..%252fetc',
  '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
  '..%5c..%5cwindows',
  '..\\..\\x',
  '....//....//etc',
  '..;/..;/etc',
  '%00',
  'a%00.qcow2',
  'disk.qcow2%00',
  'disk.qcow2%0a',
  'disk.qcow2%0d%0aSet-Cookie:x=1',
  '%c0%ae%c0%ae%c0%af',
  '%c0%af',
  '%e0%80%af',
  '%uff0e%uff0e',
  '%ff%fe',
  '．．／etc',
  '..%ef%bc%8fetc',
  '.env',
  '.git%2fconfig',
  '.htaccess',
  '-rf',
  '--help',
  '~root',
  '$HOME',
  '`id`',
  '$(id)',
  ';id',
  '|id',
  '&id',
  '*',
  '?',
  '[a]',
  '{a,b}',
  '!x',
  "'",
  '%22',
  '<script>',
  '%3Cscript%3E',
  'con',
  'CON',
  'nul.',
  'a'.repeat(129),
  'a/'.repeat(50),
  'a%2fb',
  '%2fetc%2fpasswd',
  '%2f%2f',
  'file:%2f%2f%2fetc%2fpasswd',
  'http:%2f%2f169.254.169.254',
  'C:%5c',
  '\\\\host\\x',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'null',
  'undefined',
  'NaN',
  'true',
  '0',
  '1e9',
  '-1',
  '٠',
  'ａ',
  'İ',
  'ß',
  '\u202egpj.exe',
  '%E2%80%AE',
  '%EF%BB%BFa',
  'a%20b',
  '%20',
  '%09',
  'a%0b',
  '..%3b',
  '..%09',
  '%2e%2e%3b%2f',
  '..%01',
  'disk.qcow2%20',
  'disk.qcow2::$DATA',
  'a%3ab',
  '%7e',
  '%60id%60',
  '%24%28id%29',
  'x%27%3b--',
  'manifest.json/..',
  'manifest.json%2f..%2f..',
  'index.json',
  '../index.json',
  '..%2findex.json',
  '%2e',
  '%2e%2e',
  '.',
  './disk.qcow2',
  'disk.qcow2/',
  'DISK.QCOW2',
  'disk.qcow2.',
  'disk.qcow2~',
  'disk.qcow2.part',
  'plan.json%3f',
  'plan.json%23',
  'plan.json;x=1',
];

test('one hundred names of files that are none: nothing but files of the image is ever given out', async () => {
  expect(traversals.length).toBeGreaterThanOrEqual(100);
  for (const name of traversals) {
    const places = [
      `/images/debian-12/20261101.1/files/${name}`,
      `/images/${name}/20261101.1`,
      `/jobs/${name}/log`,
      `/templates/${name}`,
      `/jobs/x/consoles/${name}/screenshot`,
      `/jobs/x/pictures/${name}`,
    ];
    for (const place of places) {
      const { status, text } = await world.call(`GET ${encodeURI(place).replaceAll('%25', '%')}`);
      // A path that a client makes shorter by itself may be that of another page.
      const isOther = /^(\.|\.\.|%2e|%2e%2e|manifest\.json\/\.\.|\.\/disk\.qcow2|\.\.[/\\].*|\?|plan\.json.*)$/i.test(name);
      if (!isOther) expect([400, 403, 404, 414], `${place}: ${status}`).toContain(status);
      expect(text).not.toMatch(/root:x:|BEGIN|gabarit\.index/);
      expect(status).toBeLessThan(500);
    }
  }
});

test('paths as they are, not as a client tidies them', async () => {
  for (const path of [
    '/../../etc/passwd',
    '/api/v1/../../etc/passwd',
    '/..%2f..%2fetc/passwd',
    '/assets/..%2f..%2f..%2fetc%2fpasswd',
    '//etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/assets/%00',
    '/.git/config',
    '/api/v1/images/debian-12/20261101.1/files/../../../../index.json',
  ]) {
    const answer = await raw(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${world.token}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer, path).toMatch(/^HTTP\/1\.1 (200|400|404)/);
    expect(answer).not.toMatch(/root:x:|\[core\]|gabarit\.index/);
  }
});

test('another site cannot act for who is logged in', async () => {
  const cookie = await session();
  const body = { name: 'csrf', days: 1 };
  const port = new URL(world.url).port;
  const foreign: Record<string, string>[] = [
    {},
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: `http://127.0.0.1.evil.example:${port}` },
    { origin: `http://evil.example:${port}` },
    { origin: `https://127.0.0.1:${port}` },
    { origin: 'http://127.0.0.1:1' },
    { origin: 'http://127.0.0.1' },
    { origin: `${world.url}.evil.example` },
    { origin: `http://localhost:${port}` },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { origin: world.url, 'sec-fetch-site': 'cross-site' },
    { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
  ];
  for (const headers of foreign) {
    const { status } = await world.call('POST /tokens', { as: null, body, headers: { cookie, ...headers } });
    expect([JSON.stringify(headers), status]).toEqual([JSON.stringify(headers), 403]);
  }
  expect((await world.call('POST /tokens', { as: null, body, headers: { cookie, origin: world.url } })).status).toBe(201);
  expect(
    (await world.call('POST /tokens', { as: null, body, headers: { cookie, 'sec-fetch-site': 'same-origin' } })).status,
  ).toBe(201);
  // Logging somebody in as somebody else is an attack, too.
  expect(
    (
      await world.call('POST /session', {
        as: null,
        body: { name: 'admin', password: adminPassword },
        headers: { origin: 'https://evil.example' },
      })
    ).status,
  ).toBe(403);
  // Forms of browsers send none of this as JSON.
  for (const type of [
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
    'application/xml',
    'application/json-patch+json',
    '',
  ]) {
    expect(
      (
        await world.call('POST /tokens', {
          as: null,
          body: JSON.stringify(body),
          headers: { cookie, origin: world.url, 'content-type': type },
        })
      ).status,
    ).toBe(415);
  }
});

test('another name for this address is not this server', async () => {
  for (const host of [
    'evil.example',
    'evil.example:80',
    '127.0.0.1.evil.example',
    '[::ffff:7f00:1]x',
    '',
    '@127.0.0.1@evil',
    '127.0.0.1,evil.example',
    'localhost.evil.example',
  ]) {
    expect(await raw(`GET /api/v1/about HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`), host).toMatch(
      /^HTTP\/1\.1 4(21|00)/,
    );
  }
  expect(await raw('GET /api/v1/health HTTP/1.1\r\nConnection: close\r\n\r\n')).toMatch(/^HTTP\/1\.1 400/);
  for (const host of ['localhost', '127.0.0.1', '[::1]', 'LOCALHOST:8480']) {
    expect(await raw(`GET /api/v1/health HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`), host).toMatch(
      /^HTTP\/1\.1 200/,
    );
  }
});

test('tokens and cookies that are not ours', async () => {
  const bad = [
    '',
    'Bearer',
    'Bearer ',
    `Basic ${btoa('admin:admin')}`,
    `Bearer ${world.token}x`,
    `Bearer ${world.token.slice(0, -1)}`,
    `Bearer ${world.token.toUpperCase()}`,
    'Bearer gbt_',
    `Bearer gbt_${'A'.repeat(43)}`,
    `Bearer ${'x'.repeat(10_000)}`,
    "Bearer gbt_' OR 1=1--",
    `bearer  ${world.token}`,
  ];
  for (const authorization of bad)
    expect((await world.call('GET /session', { as: null, headers: { authorization } })).status, authorization.slice(0, 40)).toBe(
      401,
    );
  for (const cookie of [
    'gabarit=',
    'gabarit=x',
    `gabarit=${'A'.repeat(43)}`,
    `__Host-gabarit=${'A'.repeat(43)}`,
    `gabarit=${world.token}`,
    "gabarit=' OR '1'='1",
  ]) {
    expect((await world.call('GET /session', { as: null, headers: { cookie } })).status, cookie).toBe(401);
  }
  // A token in the address would lie in logs.
  expect((await world.call(`GET /session?token=${world.token}`, { as: null })).status).toBe(401);
});

test('a session changes with the login, and ends with the password, the rights and the logout', async () => {
  const first = await session();
  const again = await world.call('POST /session', {
    as: null,
    body: { name: 'admin', password: adminPassword },
    headers: { cookie: first, origin: world.url },
  });
  expect(again.headers.get('set-cookie')).not.toContain(first);
  expect((await world.call('GET /session', { as: null, headers: { cookie: first } })).status).toBe(401);
  await world.call('POST /users', {
    body: { name: 'carla', password: 'copper lantern fig walrus', grants: [{ role: 'builder' }] },
  });
  const login = async (): Promise<string> =>
    (
      (
        await world.call('POST /session', { as: null, body: { name: 'carla', password: 'copper lantern fig walrus' } })
      ).headers.get('set-cookie') ?? ''
    ).split(';')[0] ?? '';
  const alive = async (cookie: string): Promise<boolean> =>
    (await world.call('GET /session', { as: null, headers: { cookie } })).status === 200;
  const one = await login();
  expect(await alive(one)).toBe(true);
  await world.call('PUT /users/carla', { body: { grants: [{ role: 'viewer' }] } });
  expect(await alive(one)).toBe(false);
  const two = await login();
  const token = (
    (await world.call('POST /tokens', { as: null, body: { name: 'x', days: 1 }, headers: { cookie: two, origin: world.url } }))
      .body as { token: string }
  ).token;
  await world.call('PUT /users/carla', { body: { enabled: false } });
  expect(await alive(two)).toBe(false);
  expect((await world.call('GET /session', { as: token })).status).toBe(401);
  expect(await login()).toBe('');
});

test('headers that keep a browser from harm are on every answer', async () => {
  for (const [route, options] of [
    ['GET /health', {}],
    ['GET /nowhere', {}],
    ['GET /templates', { as: null }],
    ['GET /docs', {}],
    ['POST /jobs', { body: '{' }],
  ] as const) {
    const { headers } = await world.call(route, options);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('access-control-allow-origin')).toBeNull();
    expect(headers.get('server') ?? headers.get('x-powered-by')).toBeNull();
  }
  const page = await fetch(`${world.url}/anything/at/all`);
  expect(page.headers.get('content-security-policy')).toMatch(/style-src 'self' 'nonce-[A-Za-z0-9+/=]{24}'/);
  const file = await world.call('GET /images/debian-12/20261101.1/files/plan.json');
  expect(file.headers.get('content-disposition')).toBe('attachment; filename="plan.json"');
});

test('what people write comes back as text, never as markup or as a second header', async () => {
  const evil = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    '\u001b]8;;http://evil\u0007x',
    'x\r\nSet-Cookie: a=b',
    '\u202egnp.exe',
    '${7*7}',
    '{{7*7}}',
    '\u0000',
    "'; DROP TABLE users;--",
    '\ud800',
  ];
  for (const text of evil) {
    for (const route of [
      `GET /images?search=${encodeURIComponent(text.toWellFormed())}`,
      `GET /${encodeURIComponent(text.toWellFormed())}`,
      `GET /diffs?from=${encodeURIComponent(text.toWellFormed())}&to=x`,
    ]) {
      const { status, headers } = await world.call(route);
      expect(status).toBeLessThan(500);
      expect(headers.get('content-type')).toMatch(/^application\/(problem\+)?json/);
      expect(headers.get('set-cookie')).toBeNull();
    }
    const { status } = await world.call('POST /tokens', { body: { name: text, days: 1 } });
    expect(status).toBe(/^[^\p{C}]+$/u.test(text) ? 201 : 400);
  }
  expect((await world.call('POST /audit/verify')).body).toMatchObject({ ok: true });
});

test('an error shows nothing of the inside', async () => {
  for (const route of [
    'GET /images?store=nowhere',
    'GET /images?limit=0',
    'GET /jobs/x',
    'GET /templates/nothing',
    'GET /nowhere',
  ]) {
    const { text } = await world.call(route);
    expect(text).not.toMatch(/node_modules|\.ts:\d|at [A-Za-z]+ \(|stack/);
  }
});

test('bodies, depths and numbers beyond reason', async () => {
  const yaml = (text: string): Promise<{ status: number }> => world.call('POST /templates/x/check', { body: { yaml: text } });
  const bomb = Array.from(
    { length: 10 },
    (_, n) =>
      `a${n}: &a${n} [${Array(9)
        .fill(n === 0 ? 'x' : `*a${n - 1}`)
        .join(',')}]`,
  ).join('\n');
  for (const text of [
    bomb,
    '['.repeat(100_000),
    '{a: '.repeat(50_000),
    `x: ${'y'.repeat(260_000)}`,
    '!!js/function x',
    '--- a\n--- b',
    '<<: {a: 1}',
  ]) {
    const started = performance.now();
    expect((await yaml(text)).status).toBe(200);
    expect(performance.now() - started).toBeLessThan(5000);
  }
  expect((await yaml('x'.repeat(262_145))).status).toBe(400);
  expect((await world.call('POST /jobs', { body: '['.repeat(200_000) })).status).toBe(400);
  for (const limit of ['-1', '1e99', 'Infinity', '0x10', '١', '9007199254740993'])
    expect((await world.call(`GET /jobs?limit=${encodeURIComponent(limit)}`)).status, limit).toBeGreaterThanOrEqual(200);
  expect((await world.call('GET /jobs?limit=501')).status).toBe(400);
  expect((await world.call(`GET /${'a'.repeat(20_000)}`)).status).toBe(431);
  expect(await raw(`GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`)).toMatch(
    /^HTTP\/1\.1 431/,
  );
});

test('requests that two servers could read in two ways are refused', async () => {
  const head = `POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${world.token}\r\nContent-Type: application/json\r\n`;
  const smuggled = 'GET /api/v1/users HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
  for (const ways of [
    `Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    `Content-Length: 4\r\nContent-Length: 50\r\n\r\n{}  ${smuggled}`,
    `Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    `Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`,
    `Content-Length: +2\r\n\r\n{}`,
    `Content-Length: -1\r\n\r\n{}`,
    `Transfer-Encoding:\u000bchunked\r\n\r\n0\r\n\r\n`,
    ` folded: x\r\nContent-Length: 2\r\n\r\n{}`,
  ])
    expect(await raw(head + ways)).toMatch(/^HTTP\/1\.1 400/);
});

test('whoever sends slowly is cut off', { timeout: 40_000 }, async () => {
  const started = performance.now();
  const [head, body] = await Promise.all([
    raw('GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ', { waitMs: 30_000 }),
    raw(
      `POST /api/v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${world.token}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
      { waitMs: 30_000 },
    ),
  ]);
  expect(performance.now() - started).toBeLessThan(28_000);
  for (const answer of [head, body]) expect(answer).toMatch(/^HTTP\/1\.1 408/);
});

test('requests and wrong passwords are counted', () => {
  let now = 0;
  const limit = new RateLimit(3, 60_000, () => now);
  expect([1, 2, 3, 4].map(() => limit.take('a'))).toEqual([0, 0, 0, 60]);
  expect(limit.take('b')).toBe(0);
  now = 59_500;
  expect(limit.take('a')).toBe(1);
  now = 60_000;
  expect(limit.take('a')).toBe(0);
  const lockout = openLockout(() => now);
  for (let wrong = 0; wrong < 5; wrong += 1) lockout.wrong('anna', '192.0.2.1');
  expect(() => lockout.check('anna', '192.0.2.1')).toThrow('Too many wrong passwords');
  expect(() => lockout.check('anna', '192.0.2.2')).not.toThrow();
  for (let wrong = 0; wrong < 50; wrong += 1) lockout.wrong('berta', `192.0.2.${wrong}`);
  expect(() => lockout.check('berta', '198.51.100.1')).toThrow('Too many wrong passwords');
  for (let wrong = 0; wrong < 30; wrong += 1) lockout.wrong(`user-${wrong}`, '203.0.113.9');
  expect(() => lockout.check('somebody', '203.0.113.9')).toThrow('Too many wrong passwords');
  now += 15 * 60_000;
  expect(() => lockout.check('anna', '192.0.2.1')).not.toThrow();
});

test('the server keeps to its limits, and says how long to wait', async () => {
  const strict = await makeApiWorld({ limits: { api: 10, login: 3 } });
  try {
    const login = async (): Promise<number> =>
      (await strict.call('POST /session', { as: null, body: { name: 'nobody', password: 'wrong' } })).status;
    expect([await login(), await login(), await login(), await login()]).toEqual([401, 401, 401, 429]);
    const answers = [];
    for (let n = 0; n < 11; n += 1) answers.push(await strict.call('GET /session'));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10);
    expect(Number(answers.at(-1)?.headers.get('retry-after'))).toBeGreaterThan(0);
  } finally {
    await strict.remove();
  }
});

test('passwords that are easy to guess are refused, whatever their characters', async () => {
  const easy = [
    'password1234',
    'qwertyuiop12',
    '123456789012',
    'aaaaaaaaaaaa',
    'iloveyou1234',
    'P@ssw0rd1234',
    'letmein12345',
    'dora-dora-dora',
    'gabarit-admin',
    'abcdefghijkl',
    '19841984198419',
    'superman1234',
  ];
  for (const password of easy) {
    const { status, body } = await world.call('POST /users', { body: { name: 'dora', password, grants: [{ role: 'viewer' }] } });
    expect([password, status, (body as { detail?: string }).detail]).toEqual([
      password,
      400,
      'body.password: is too easy to guess',
    ]);
  }
  expect(
    (await world.call('POST /users', { body: { name: 'dora', password: 'short', grants: [{ role: 'viewer' }] } })).status,
  ).toBe(400);
  for (const password of [
    'copper lantern fig walrus',
    'zéro vingt-deux chouettes',
    '🦊🐙🦉🐸🦔🐢 mousse au chocolat',
    'x'.repeat(8) + 'Kq7!vR2#mZ9$'.repeat(20),
  ]) {
    expect(
      (await world.call('POST /users', { body: { name: 'dora', password, grants: [{ role: 'viewer' }] } })).status,
      password,
    ).toBe(201);
    expect((await world.call('DELETE /users/dora')).status).toBe(204);
  }
});

test('passwords are kept as scrypt, and one of nobody takes as long', async () => {
  const stored = await hashPassword('pässword that is long');
  expect(stored).toMatch(/^scrypt\$\d+\$8\$1\$[\w-]{22}\$[\w-]{43}$/);
  expect(await isPassword('pässword that is long'.normalize('NFD'), stored)).toBe(true);
  expect(await isPassword('password that is long', stored)).toBe(false);
  expect(await isPassword('anything', undefined)).toBe(false);
});

test('what changes something is in the audit log, with what became of it', async () => {
  const entries = await world.served.parts.audit.page({ limit: 5000 });
  const actions = new Set(entries.map(({ action }) => action));
  expect([...actions]).toEqual(expect.arrayContaining(['server.started', 'logIn', 'createToken', 'createUser', 'changeUser']));
  expect(
    entries.some(({ action, outcome, code }) => action === 'createToken' && outcome === 'refused' && code === 'FORBIDDEN'),
  ).toBe(true);
  // Nothing that only reads is there, unless it was refused.
  const reads = new Set(
    Object.entries(contract)
      .filter(([key]) => key.startsWith('GET'))
      .map(([, { id }]) => id as string),
  );
  expect(entries.filter(({ action, outcome }) => reads.has(action) && outcome !== 'refused')).toEqual([]);
  expect(JSON.stringify(entries)).not.toContain(adminPassword);
  expect(JSON.stringify(entries)).not.toContain(world.token);
});
