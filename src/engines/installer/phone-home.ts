import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Scope } from '../../util/scope.ts';

/** Where an installer calls as it goes: a listener on 127.0.0.1, which QEMU's user network shows to the machine as 10.0.2.2. */
export interface PhoneHome {
  /** For the machine; its path is a secret, so that nobody else calls. */
  url: string;
  /** The stages that called, in order, each once: `answers`, `partitioning`, `installed`. */
  calls: readonly string[];
}

/** The host as machines in QEMU's user network see it. */
const hostInside = '10.0.2.2';

export async function listenForCalls(scope: Scope): Promise<PhoneHome> {
  const secret = randomBytes(16).toString('hex');
  const calls: string[] = [];
  const server = createServer((request, response) => {
    const stage = new RegExp(`^/${secret}/([a-z-]{1,40})$`).exec(request.url ?? '')?.[1];
    if (stage !== undefined && !calls.includes(stage)) calls.push(stage);
    response.writeHead(stage === undefined ? 404 : 204).end();
  });
  scope.defer(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(resolve);
      }),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return { url: `http://${hostInside}:${(server.address() as AddressInfo).port}/${secret}`, calls };
}
