import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { digestOfFile } from '../src/util/digest.ts';
import { exec } from '../src/util/exec.ts';

/** A vendor: publishes files over HTTP on this machine, with a SHA256SUMS that a real OpenPGP key signed. */
export interface Vendor {
  /** `http://127.0.0.1:PORT` */
  url: string;
  /** The public key. */
  keyring: string;
  /** Publishes a file, and signs the digests anew. */
  publish(name: string, path: string): Promise<void>;
  close(): Promise<void>;
}

export async function startVendor(folder: string): Promise<Vendor> {
  const home = join(folder, 'gpg');
  await mkdir(home, { mode: 0o700 });
  const gpg = (...args: string[]): ReturnType<typeof exec> =>
    exec(['gpg', '--homedir', home, '--batch', '--yes', '--quiet', '--pinentry-mode', 'loopback', '--passphrase', '', ...args]);
  await gpg('--quick-generate-key', 'vendor@mirror.example', 'ed25519', 'sign', 'never');
  const keyring = join(folder, 'vendor.gpg');
  await gpg('--output', keyring, '--export', 'vendor');
  const files = new Map<string, string>();
  const server: Server = createServer((request, response) => {
    const path = files.get(request.url?.slice(1) ?? '');
    response.writeHead(path === undefined ? 404 : 200);
    if (path === undefined) response.end();
    else createReadStream(path).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const [sums, signature] = [join(folder, 'SHA256SUMS'), join(folder, 'SHA256SUMS.gpg')];
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keyring,
    async publish(name, path) {
      const line = `${(await digestOfFile(path)).slice('sha256:'.length)}  ${name}\n`;
      await writeFile(sums, (await readFile(sums, 'utf8').catch(() => '')) + line);
      await gpg('--output', signature, '--detach-sign', sums);
      files.set(name, path).set('SHA256SUMS', sums).set('SHA256SUMS.gpg', signature);
    },
    async close() {
      await new Promise((resolve) => server.close(resolve));
      await exec(['gpgconf', '--homedir', home, '--kill', 'all']);
    },
  };
}
