import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { exec } from '../../src/util/exec.ts';
import { startGabarit, type GabaritProcess } from './gabarit-process.ts';

/** Builds by the real Packer, with a cache of their own. */
export interface PackerWorld {
  folder: string;
  cacheDir: string;
  outputDir: string;
  /** Writes a definition that Packer builds from `source`, and returns its path. */
  define(name: string, source: object, options?: object, more?: object): Promise<string>;
  /** Starts `gabarit build`. */
  build(files: string[], args?: string[], onLog?: (message: string, self: GabaritProcess) => void): GabaritProcess;
  remove(): Promise<void>;
}

export async function packerWorld(): Promise<PackerWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'packer-'));
  const [cacheDir, outputDir] = [join(folder, 'cache'), join(folder, 'out')];
  await mkdir(cacheDir);
  return {
    folder,
    cacheDir,
    outputDir,
    async define(name, source, options = {}, more = {}) {
      const file = join(folder, `${name}.yaml`);
      const engine = { name: 'packer', options: { builder: 'qemu', source, ...options } };
      await writeFile(file, stringify({ name, extends: 'debian-12-minimal', engine, ...more }));
      return file;
    },
    build(files, args = [], onLog = () => undefined) {
      return startGabarit(['build', ...files, ...args], {
        cacheDir,
        outputDir,
        onEvent: (event, self) => {
          if (event.type === 'log') onLog(event.message, self);
        },
      });
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** A disk that nothing can be started from. */
export async function emptyDisk(folder: string, size = '1G'): Promise<{ url: string; digest: string }> {
  const path = join(folder, 'empty.qcow2');
  await exec(['qemu-img', 'create', '-q', '-f', 'qcow2', path, size]);
  return {
    url: `file://${path}`,
    digest: `sha256:${createHash('sha256')
      .update(await readFile(path))
      .digest('hex')}`,
  };
}

/** Serves a disk image as vendors do: by HTTP, with SHA256SUMS and its detached signature. `close` ends it. */
export async function serveSigned(
  disk: string,
  folder: string,
): Promise<{ source: object; asked: string[]; close(): Promise<void> }> {
  const home = join(folder, 'gpg');
  await mkdir(home, { mode: 0o700 });
  const gpg = (...args: string[]): ReturnType<typeof exec> =>
    exec(['gpg', '--homedir', home, '--batch', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', ...args]);
  await gpg('--quick-generate-key', 'vendor@mirror.example', 'ed25519', 'sign', 'never');
  const keyring = join(folder, 'vendor.gpg');
  await gpg('--output', keyring, '--export', 'vendor');
  const bytes = await readFile(disk);
  const sums = join(folder, 'SHA256SUMS');
  await writeFile(sums, `${createHash('sha256').update(bytes).digest('hex')}  base.qcow2\n`);
  await gpg('--detach-sign', '--output', `${sums}.gpg`, sums);
  await exec(['gpgconf', '--homedir', home, '--kill', 'all']);
  const files = new Map([
    ['/base.qcow2', bytes],
    ['/SHA256SUMS', await readFile(sums)],
    ['/SHA256SUMS.gpg', await readFile(`${sums}.gpg`)],
  ]);
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const body = files.get(request.url ?? '');
    response.writeHead(body ? 200 : 404).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const source = { url: `${base}/base.qcow2`, digests: `${base}/SHA256SUMS`, signature: `${base}/SHA256SUMS.gpg`, keyring };
  return { source, asked, close: () => new Promise((resolve) => server.close(() => resolve())) };
}
