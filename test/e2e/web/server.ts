import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exec } from '../../../src/util/exec.ts';
import { lockFile } from '../../../src/util/lock-file.ts';
import { type GabaritProcess, startGabarit } from '../gabarit-process.ts';
import { copyCache } from '../prepared-cache.ts';

export interface WebServer {
  url: string;
  /** For the first account. */
  setupToken: string;
  folder: string;
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, '../../..');

/** The page as its sources are now. One that is as new is left as it is: a server may be serving it at this moment. */
export async function bundlePage(): Promise<void> {
  await using _lock = await lockFile(join(root, 'node_modules/.web-bundle.lock'));
  if (await isBundled()) return;
  await exec([process.execPath, 'web/build.ts'], { cwd: root, timeoutMs: 300_000 });
}

async function isBundled(): Promise<boolean> {
  const made = await stat(join(root, 'web/dist/index.html')).catch(() => undefined);
  if (!made) return false;
  const names = (await readdir(join(root, 'web'), { recursive: true })).filter((name) => !name.startsWith('dist'));
  const sources = await Promise.all(
    [...names.map((name) => `web/${name}`), 'package-lock.json'].map((name) => stat(join(root, name))),
  );
  return sources.every(({ mtimeMs }) => mtimeMs < made.mtimeMs);
}

export interface WebServerOptions {
  /** A PostgreSQL, on which the server does no jobs itself: workers do, each as on a host of its own, with these labels. */
  databaseUrl?: string;
  workers?: string[][];
}

/** A real `gabarit serve` with the page as it is now, a folder store, a signing key, and everything else new and its own. */
export async function startServer({ databaseUrl, workers = [] }: WebServerOptions = {}): Promise<WebServer> {
  const folder = await mkdtemp(join(tmpdir(), 'web-'));
  await bundlePage();
  const cacheDir = join(folder, 'cache');
  await copyCache(cacheDir);
  const store = join(folder, 'store');
  await mkdir(store);
  // What hosts need of one another: the database, the store, the signing key, and the definitions that are changed in the page.
  const config = join(folder, 'gabarit.yaml');
  await writeFile(config, JSON.stringify({ server: { templates: join(folder, 'templates') } }));
  const optionsOf = (host: string): Parameters<typeof startGabarit>[1] => ({
    cacheDir,
    outputDir: join(folder, host, 'out'),
    env: {
      GABARIT_STATE: join(folder, host, 'state'),
      GABARIT_KEYS: join(folder, 'keys'),
      TMPDIR: folder,
      ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
    },
  });
  const key = startGabarit(['key', 'new'], optionsOf('server'));
  if ((await key.ended) !== 0) throw new Error(key.stderr.join('\n'));
  const serve = ['serve', '--config', config, '--port', '0', '--store', `file:${store}`];
  const server = startGabarit([...serve, ...(databaseUrl === undefined ? [] : ['--jobs', '0'])], optionsOf('server'));
  const { url, setupToken } = await serving(server);
  const processes = workers.map((labels, index) =>
    startGabarit(['worker', '--config', config, '--labels', labels.join(',')], optionsOf(`worker-${index + 1}`)),
  );
  return {
    url,
    setupToken,
    folder,
    async stop() {
      for (const each of [...processes, server]) {
        each.kill('SIGTERM');
        await each.ended;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Serving {
  type: 'serving';
  url: string;
  setupToken: string;
}

async function serving(server: GabaritProcess): Promise<Serving> {
  for (let waited = 0; waited < 120; waited += 0.2) {
    const line = server.lines.find(({ type }) => type === 'serving');
    if (line) return line as unknown as Serving;
    const ended = await Promise.race([server.ended, sleep(200, undefined)]);
    if (ended !== undefined) break;
  }
  throw new Error(`gabarit serve did not start: ${server.stderr.join('\n')}`);
}
