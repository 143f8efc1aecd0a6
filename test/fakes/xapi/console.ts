import { setTimeout as sleep } from 'node:timers/promises';
import { textOf } from './database.ts';
import { XapiFault } from './fault.ts';
import { type Exchange, parameterOf } from './exchange.ts';
import { headOf, htmlPage } from './http.ts';
import { patternScreen, rfbBanner, serveRfb } from './rfb-server.ts';

/** The VM whose console is asked for, by its own reference or UUID, or by those of the console. It must run on this host. */
function vmOf({ pool, host, request }: Exchange): string {
  const wanted = parameterOf(request, 'uuid') ?? parameterOf(request, 'ref') ?? '';
  const vm = pool.db.all('VM').find(({ ref, record }) => ref === wanted || record['uuid'] === wanted)?.ref;
  const console = pool.db.all('console').find(({ ref, record }) => ref === wanted || record['uuid'] === wanted);
  const found = vm ?? (console === undefined ? undefined : textOf(console.record, 'VM'));
  if (found === undefined) throw new XapiFault('HANDLE_INVALID', ['VM', wanted]);
  const record = pool.db.get('VM', found);
  if (record['power_state'] !== 'Running' || record['resident_on'] !== pool.hostRefs[host]) throw new Error('Console.Failure');
  return found;
}

const pages = { 401: 'Unauthorised', 404: 'Not Found', 500: 'Internal Error', 503: 'Connection Limit Exceeded' };

/** Hands the connection to the VM's console: an answer in two writes, then RFB. */
export async function serveConsole(exchange: Exchange): Promise<void> {
  const { pool, socket, reader } = exchange;
  const faults = pool.faults.console;
  const vm = vmOf(exchange);
  if (faults.hang) {
    await new Promise((resolve) => socket.on('close', resolve));
    return;
  }
  if (faults.status !== undefined) {
    socket.write(
      htmlPage('1.1', faults.status, pages[faults.status], pages[faults.status], 'Somebody is connected to this console.'),
    );
    return;
  }
  const head = headOf('1.1', 200, 'OK', { connection: 'keep-alive' });
  const first = Buffer.from(head + rfbBanner, 'latin1');
  const ends = faults.splitAt ?? [head.length - 2, head.length];
  let from = 0;
  for (const to of [...ends, first.length]) {
    if (from > 0) await sleep(faults.pauseMs);
    socket.write(first.subarray(from, to));
    from = to;
  }
  reader.release();
  const activity = pool.consoles.get(vm) ?? { keys: [], shared: [] };
  pool.consoles.set(vm, activity);
  pool.viewers.add(socket);
  socket.on('close', () => pool.viewers.delete(socket));
  await serveRfb(socket, pool.screens.get(vm) ?? patternScreen(), activity);
}

// The smallest picture that there is: one grey pixel.
const jpeg = Buffer.from(
  '/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkKDA8MCgsOCwkJDRENDg8QEBEQCgwSExIQEw8QEBD/' +
    'yQALCAABAAEBAREA/8wABgAQEAX/2gAIAQEAAD8A0s8g/9k=',
  'base64',
);

/** What a console shows, as JPEG. */
export async function sendSnapshot(exchange: Exchange): Promise<void> {
  vmOf(exchange);
  const headers = { connection: 'close', 'content-type': 'image/jpeg', 'content-length': jpeg.length };
  exchange.socket.write(headOf('1.1', 200, 'OK', headers));
  exchange.socket.write(jpeg);
}
