import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, createApp } from '../src/app.ts';
import { weakenPasswords } from '../src/api/access/password.ts';
import { serve, type Served, type ServeOptions } from '../src/api/serve.ts';
import type { Grant } from '../src/model/api/access.ts';
import { jobCommand } from '../src/cli/job-command.ts';
import { apiPrefix } from '../src/model/api/contract.ts';
import { digestOf } from '../src/util/digest.ts';
import { writeOutputFolder } from './fakes/output-folder.ts';

/** A real server with its database, a folder store with two small signed images, and an admin; all of it in one temporary folder. */
export interface ApiWorld {
  folder: string;
  url: string;
  app: App;
  served: Served;
  /** An API token of the admin. */
  token: string;
  versions: [older: string, newer: string];
  /** A request as a program makes it; `as` is a token, null for nobody. */
  call(route: string, options?: CallOptions): Promise<Answer>;
  /** A user with these rights, and a token of his. */
  user(name: string, grants: Grant[]): Promise<string>;
  remove(): Promise<void>;
}

export interface CallOptions {
  body?: unknown;
  as?: string | null;
  headers?: Record<string, string>;
}

export interface Answer {
  status: number;
  /** What `expect` is asked about; undefined when it is no JSON. */
  body: unknown;
  text: string;
  headers: Headers;
}

export const adminPassword = 'correct horse battery';
const versions: [string, string] = ['20261101.1', '20261102.1'];

export async function makeApiWorld({
  config = '',
  environment: further = {},
  runJobs = false,
  ...options
}: Partial<ServeOptions> & {
  config?: string;
  /** Jobs are carried out, one at a time, by the real command line; otherwise they wait. */
  runJobs?: boolean;
} = {}): Promise<ApiWorld> {
  weakenPasswords(10);
  const folder = await mkdtemp(join(tmpdir(), 'api-world-'));
  const environment = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    TMPDIR: folder,
    GABARIT_CACHE: join(folder, 'cache'),
    GABARIT_STATE: join(folder, 'state'),
    GABARIT_KEYS: join(folder, 'keys'),
    GABARIT_OUT: join(folder, 'out'),
    ...further,
  };
  const configFile = join(folder, 'gabarit.yaml');
  await writeFile(configFile, config);
  const app = await createApp({ configFile }, environment);
  await app.keys.make();
  const store = `file:${join(folder, 'store')}`;
  for (const version of versions) {
    await app.publish(
      await richImage(folder, 'debian-12', version),
      store,
      { by: 'setup', ...(version === versions[0] ? { channel: 'dev' } : {}) },
      new AbortController().signal,
    );
  }
  const served = await serve(app, {
    host: '127.0.0.1',
    port: 0,
    stores: [store],
    concurrency: 0,
    labels: [],
    command: ['/bin/false'],
    environment,
    limits: { api: 1_000_000, login: 1_000_000 },
    ...(runJobs ? { concurrency: 1, ...jobCommand({ color: false, config: configFile }, environment) } : {}),
    ...options,
  });
  const { url } = served;
  await served.parts.users.setUp(served.setupToken ?? '', 'admin', adminPassword);
  const { token } = await served.parts.tokens.create('admin', 'tests', undefined, 1);
  const call = async (route: string, { body, as = token, headers = {} }: CallOptions = {}): Promise<Answer> => {
    const [method = 'GET', path = ''] = route.split(' ');
    const answer = await fetch(`${url}${apiPrefix}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(as === null ? {} : { authorization: `Bearer ${as}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = /json/.test(answer.headers.get('content-type') ?? '');
    return { status: answer.status, text, headers: answer.headers, body: isJson ? (JSON.parse(text) as unknown) : undefined };
  };
  return {
    folder,
    url,
    app,
    served,
    token,
    versions,
    call,
    async user(name, grants) {
      await served.parts.users.create(name, `password of ${name} is long`, grants);
      return (await served.parts.tokens.create(name, 'tests', undefined, 1)).token;
    },
    async remove() {
      await served.close(0);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A small image with all the evidence that the pages show. */
async function richImage(folder: string, template: string, version: string): Promise<string> {
  const extra: Record<string, [kind: string, content: string]> = {
    'inventory.json': ['inventory', JSON.stringify(inventoryOf(version))],
    'packages.lock.json': ['packages-lock', JSON.stringify(lockOf(version))],
    'report.json': [
      'check-report',
      JSON.stringify({
        schema: 'gabarit.checks/1',
        template,
        version,
        verdicts: [{ check: 'machine-id', title: 'No machine identity', status: 'pass', message: '' }],
        machines: [
          { name: 'clone-a', firmware: 'bios', bootSeconds: 8.1, cloudInitSeconds: 10.4, accelerator: 'kvm' },
          { name: 'unseeded', firmware: 'uefi', bootSeconds: 7.2, accelerator: 'kvm' },
        ],
      }),
    ],
    'checks.junit.xml': ['check-report-junit', '<testsuite name="x"/>'],
  };
  const written = await writeOutputFolder(join(folder, 'images'), template, version, (manifest) => ({
    ...manifest,
    evidence: [
      ...manifest.evidence.filter(({ kind }) => kind !== 'check-report'),
      ...Object.entries(extra).map(([name, [kind, content]]) => ({
        name,
        kind,
        size: Buffer.byteLength(content),
        digest: digestOf(content),
      })),
    ],
  }));
  for (const [name, [, content]] of Object.entries(extra)) await writeFile(join(written, name), content);
  return written;
}

function inventoryOf(version: string): object {
  const newer = version === versions[1];
  return {
    schema: 'gabarit.inventory/1',
    packages: { 'bash:amd64': '5.2-1', 'openssl:amd64': newer ? '3.0.16-1' : '3.0.15-1' },
    units: { enabled: ['ssh.service'], masked: [] },
    ports: ['22/tcp ssh'],
    users: {},
    sudoers: [],
    setuid: {},
    kernelArguments: [],
    folders: { '/usr': newer ? 2000 : 1000 },
  };
}

function lockOf(version: string): object {
  const one = (name: string, number: string): object => ({
    name,
    version: number,
    architecture: 'amd64',
    sha256: '0'.repeat(64),
    size: 10,
    repository: 'debian',
    path: `pool/${name}.deb`,
    role: 'image',
  });
  return {
    repositories: [],
    packages: [one('bash', '5.2-1'), one('openssl', version === versions[1] ? '3.0.16-1' : '3.0.15-1')],
  };
}
