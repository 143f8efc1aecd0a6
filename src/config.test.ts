import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Config, readConfig } from './config.ts';
import { AppError } from './util/errors.ts';

let folder = '';
let file = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-'));
  file = join(folder, 'gabarit.yaml');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function read(
  text: string,
  environment: NodeJS.ProcessEnv = {},
  flags: { cacheDir?: string; outputDir?: string } = {},
): Promise<Config> {
  await writeFile(file, text);
  return readConfig({ ...flags, configFile: file }, { HOME: '/home/x', ...environment }, '/shipped');
}

async function faultsOf(text: string): Promise<string[]> {
  const error: unknown = await read(text).catch((reason: unknown) => reason);
  if (!(error instanceof AppError)) throw new Error(`not an AppError: ${String(error)}`);
  expect(error.code).toBe('CONFIG_INVALID');
  expect(error.message).toBe(`${file} is not right`);
  expect(error.faults.length).toBeGreaterThan(0);
  for (const fault of error.faults) expect(fault.file).toBe(file);
  return error.faults.map(({ message }) => message);
}

describe('the configuration', () => {
  test('has a default for everything', async () => {
    expect(await read('')).toEqual({
      cacheDir: '/home/x/.cache/gabarit',
      cacheLimit: 40 * 2 ** 30,
      catalog: { approvals: {} },
      outputDir: resolve('out'),
      templateDirs: ['/home/x/.local/state/gabarit/templates', resolve('templates'), '/shipped'],
      ownTemplatesDir: '/home/x/.local/state/gabarit/templates',
      server: { stores: [], hosts: [], trustedProxies: [], allowNetworks: [], github: {} },
      databaseUrl: undefined,
      consoleDir: undefined,
      mirrors: {},
      guestMirrors: {},
      stores: {},
      targets: {},
      stateDir: '/home/x/.local/state/gabarit',
      signing: { fingerprints: [] },
      keysDir: '/home/x/.local/share/gabarit/keys',
    });
    expect(await read('# only a comment\n')).toMatchObject({ mirrors: {} });
  });

  test('takes a signing key by reference only, and whole fingerprints', async () => {
    const id = `sha256:${'a'.repeat(64)}`;
    expect(await read(`signing: { key: "env:KEY", fingerprints: ["${id}"] }`)).toMatchObject({
      signing: { key: 'env:KEY', fingerprints: [id] },
    });
    expect(await read('', { GABARIT_KEYS: '/keys' })).toMatchObject({ keysDir: '/keys' });
    expect(await read('', { XDG_DATA_HOME: '/data' })).toMatchObject({ keysDir: '/data/gabarit/keys' });
    expect(await faultsOf('signing: { key: gabarit-secret-key-1.abc, fingerprints: [abc] }')).toEqual([
      'signing.key: must be env:NAME or file:PATH, never the key itself',
      'signing.fingerprints.0: must be sha256: and 64 hex digits, as gabarit key ls shows them',
    ]);
  });

  test('is overruled by the environment, and that by flags', async () => {
    const text =
      'cacheDir: /file\noutputDir: /file-out\ncacheLimit: 2GiB\nmirrors: { debian: "https://mirror.example/debian" }\n';
    expect(await read(text)).toMatchObject({
      cacheDir: '/file',
      outputDir: '/file-out',
      cacheLimit: 2 ** 31,
      mirrors: { debian: 'https://mirror.example/debian' },
    });
    const environment = { GABARIT_CACHE: '/env', GABARIT_OUT: '/env-out' };
    expect(await read(text, environment)).toMatchObject({ cacheDir: '/env', outputDir: '/env-out' });
    expect(await read(text, environment, { cacheDir: '/flag', outputDir: '/flag-out' })).toMatchObject({
      cacheDir: '/flag',
      outputDir: '/flag-out',
    });
  });

  test('takes an empty variable for none', async () => {
    expect((await read('', { GABARIT_CACHE: '', XDG_CACHE_HOME: '' })).cacheDir).toBe('/home/x/.cache/gabarit');
    expect((await read('', { XDG_CACHE_HOME: '/xdg' })).cacheDir).toBe('/xdg/gabarit');
  });

  test.each([
    ['a key that is not known', 'cachedir: /x', /cachedir/],
    ['a wrong type', 'cacheDir: [1]', /^cacheDir: /],
    ['a wrong size', 'cacheLimit: much', /^cacheLimit: /],
    ['a mirror that is no URL', 'mirrors: { debian: ftp://x }', /^mirrors\.debian: must be an http, https or file URL/],
    ['no map', '- a\n- b', /^[^:]/],
    ['broken YAML', 'cacheDir: "x', /quote/i],
    ['a key twice', 'cacheDir: a\ncacheDir: b', /unique/i],
    ['an alias', 'mirrors: &m { debian: "https://mirror.example" }\nguestMirrors: *m', /alias/i],
  ])('refuses %s', async (_, text, message) => {
    expect((await faultsOf(text)).join('\n')).toMatch(message);
  });

  test('tells all faults at once', async () => {
    expect(await faultsOf('cacheDir: 1\noutputDir: 2\nnew: 3')).toHaveLength(3);
  });

  test('says which file cannot be read, when it was named', async () => {
    for (const path of [join(folder, 'none.yaml'), folder]) {
      await expect(readConfig({ configFile: path }, {}, '/shipped')).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: `${path} cannot be read`,
      });
    }
  });
});

describe('targets', () => {
  const pool =
    'targets:\n  lab:\n    kind: xcp-ng\n    hosts: pool.example\n    user: env:XCP_USER\n    password: file:/run/secrets/xcp\n';

  test('say little, and have defaults for the rest', async () => {
    expect((await read(pool)).targets).toEqual({
      lab: {
        kind: 'xcp-ng',
        hosts: ['pool.example'],
        user: 'env:XCP_USER',
        password: 'file:/run/secrets/xcp',
        import: 'xva',
        networks: [],
        tags: [],
        keep: 2,
        test: false,
        testMinutes: 10,
        stallMinutes: 10,
      },
    });
    const more = `${pool}    fingerprints: ${Array.from({ length: 32 }, () => 'ab').join(':')}\n    memory: 2GiB\n    limit: 50MiB/s\n`;
    expect((await read(more)).targets['lab']).toMatchObject({
      fingerprints: [Array.from({ length: 32 }, () => 'AB').join(':')],
      memory: 2 ** 31,
      limit: 50 * 2 ** 20,
    });
  });

  test('are refused with the place of every fault', async () => {
    const text = `${pool.replace('file:/run/secrets/xcp', 'hunter2')}    sr: ""\n    memory: 2GB\n    limit: fast\n    insecure: true\n    fingerprints: AB:CD\n  Bad Name:\n    kind: vsphere\n`;
    const error: unknown = await read(text).catch((reason: unknown) => reason);
    const faults = error instanceof AppError ? error.faults : [];
    expect(faults.map(({ message, line, column }) => `${line}:${column} ${message}`).toSorted()).toEqual([
      '10:15 targets.lab: Unrecognized key: "insecure"',
      '11:19 targets.lab.fingerprints: must be SHA-256 fingerprints: 32 pairs of hex digits, AB:CD:…',
      '13:5 targets.Bad Name: the name must be lower-case letters, digits, ".", "_" and "-", starting with a letter or digit',
      '6:15 targets.lab.password: must be env:NAME or file:PATH, never the value itself',
      '7:9 targets.lab.sr: must be one line of text',
      '8:13 targets.lab.memory: must be a size such as 512MiB or 3GiB',
      '9:12 targets.lab.limit: must be a rate such as 20MiB/s',
    ]);
  });
});
