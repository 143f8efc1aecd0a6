import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Scope } from '../../src/util/scope.ts';

/** Passes connections on to a port of this host, and counts what clients send. */
export async function countingRelay(port: number, scope: Scope): Promise<{ endpoint: string; sent(): number }> {
  let sent = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      // What one side tears, the other is told by its end.
      socket.on('error', () => undefined);
    }
    client.on('data', (chunk) => (sent += chunk.length));
    client.pipe(upstream).pipe(client);
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  }).listen(0, '127.0.0.1');
  scope.defer(() => new Promise((resolve) => server.close(resolve)));
  scope.defer(() => {
    for (const socket of sockets) socket.destroy();
  });
  await new Promise((resolve) => server.once('listening', resolve));
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sent: () => sent };
}
