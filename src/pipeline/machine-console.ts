import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { encodePng, watchConsole } from '../clients/rfb.ts';
import { ViewOnly } from '../clients/rfb/view-only.ts';
import type { MachineConsole } from '../model/target.ts';
import { AppError, errnoOf } from '../util/errors.ts';
import { Scope } from '../util/scope.ts';
import { type DeployServices, findTargets, openTarget } from './targets.ts';

/** Consoles of machines that run on targets: as a picture, or for any viewer of VNC on this host. */

export interface ConsoleRequest {
  target: string;
  /** Its name there, or the target's own identity for it. */
  machine: string;
}

export interface ServeConsole extends ConsoleRequest {
  /** Where to listen on 127.0.0.1; 0 takes a free port. */
  port: number;
  /** Whether keys and pointer of viewers are left out. */
  viewOnly: boolean;
  /** Called once, when viewers may come. */
  onServing: (served: { machine: string; port: number }) => void;
}

/** What a machine shows now, as PNG. @throws AppError NOT_FOUND, CONFLICT, TARGET_UNREACHABLE, TARGET_DENIED, TARGET_FAILED, TIMEOUT */
export async function photographConsole(request: ConsoleRequest, services: DeployServices, signal: AbortSignal): Promise<Buffer> {
  await using scope = new Scope();
  const console = await findConsole(request, services, scope, signal);
  const watch = watchConsole(() => console.connect(), { signal, absenceMs: 10_000 });
  scope.defer(() => watch.close());
  return encodePng(await watch.capture());
}

/**
 * Listens for viewers until the signal says so, and brings each to the machine by a connection of its own. A guest that is rebooted ends
 * them; the viewer connects again.
 * @throws AppError as {@link photographConsole}, and CONFLICT for a port that is taken
 */
export async function serveConsole(request: ServeConsole, services: DeployServices, signal: AbortSignal): Promise<void> {
  await using scope = new Scope();
  const console = await findConsole(request, services, scope, signal);
  // What stands in the way of all viewers is said before the first one comes.
  (await console.connect()).destroy();
  const viewers = new Set<Socket>();
  const emit = services.bus.emitter(request.target);
  const server = createServer((viewer) => {
    viewers.add(viewer);
    viewer.once('close', () => viewers.delete(viewer));
    bringTogether(viewer, console, request.viewOnly).catch((error: unknown) => {
      viewer.destroy();
      if (error instanceof AppError) emit({ type: 'log', level: 'warn', message: error.message });
    });
  });
  scope.defer(async () => {
    const closed = once(server, 'close');
    server.close();
    for (const viewer of viewers) viewer.destroy();
    await closed;
  });
  await listen(server, request.port);
  request.onServing({ machine: console.machine, port: (server.address() as AddressInfo).port });
  if (!signal.aborted) await once(signal, 'abort');
}

async function findConsole(
  { target: name, machine }: ConsoleRequest,
  services: DeployServices,
  scope: Scope,
  signal: AbortSignal,
): Promise<MachineConsole> {
  const [target] = findTargets([name], services);
  if (!target) throw new TypeError('one target was asked for');
  const session = await openTarget(target, services, scope, signal);
  return session.console(machine);
}

async function listen(server: ReturnType<typeof createServer>, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (cause) {
    if (!['EADDRINUSE', 'EACCES'].includes(errnoOf(cause) ?? '')) throw cause;
    throw new AppError(
      'CONFLICT',
      `The port ${port} cannot be listened on: ${errnoOf(cause) === 'EACCES' ? 'not allowed' : 'it is taken'}`,
      {
        hint: 'Name another one with --port, or 0 for a free one.',
        cause,
      },
    );
  }
}

/** Ends when one of the two ends. */
async function bringTogether(viewer: Socket, console: MachineConsole, viewOnly: boolean): Promise<void> {
  // Until both ends are there, nobody else hears of an error of this one.
  viewer.on('error', () => undefined);
  const machine = await console.connect();
  if (viewer.destroyed) {
    machine.destroy();
    return;
  }
  const filter = new ViewOnly();
  await pipeline(
    viewer,
    async function* (bytes: AsyncIterable<Buffer>) {
      for await (const chunk of bytes) yield viewOnly ? filter.pass(chunk) : chunk;
    },
    machine,
    viewer,
  );
}
