import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exec } from '../../../src/util/exec.ts';
import { type GabaritProcess, startGabarit } from '../gabarit-process.ts';

export interface WebServer {
  url: string;
  /** For the first account. */
  setupToken: string;
  folder: string;
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, '../../..');

/** The page as its sources are now. */
export async function bundlePage(): Promise<void> {
  await exec([process.execPath, 'web/build.ts'], { cwd: root, timeoutMs: 300_000 });
}

/** A real `gabarit serve` with the page as it is now, a folder store, a signing key, and everything else new and its own. */
export async function startServer(): Promise<WebServer> {
  const folder = await mkdtemp(join(tmpdir(), 'web-'));
  await bundlePage();
  const shared = process.env['GABARIT_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'gabarit');
  const store = join(folder, 'store');
  await mkdir(store);
  const options = {
    cacheDir: shared,
    outputDir: join(folder, 'out'),
    env: { GABARIT_STATE: join(folder, 'state'), GABARIT_KEYS: join(folder, 'keys'), TMPDIR: folder },
  };
  const key = startGabarit(['key', 'new'], options);
  if ((await key.ended) !== 0) throw new Error(key.stderr.join('\n'));
  const server = startGabarit(['serve', '--port', '0', '--store', `file:${store}`], options);
  const { url, setupToken } = await serving(server);
  return {
    url,
    setupToken,
    folder,
    async stop() {
      server.kill('SIGTERM');
      await server.ended;
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
