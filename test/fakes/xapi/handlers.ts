import type { TLSSocket } from 'node:tls';
import { serveConsole, sendSnapshot } from './console.ts';
import { textOf } from './database.ts';
import { type Exchange, parameterOf } from './exchange.ts';
import { exportVdi, exportXva } from './export.ts';
import { faultOf, XapiFault } from './fault.ts';
import { headOf, htmlPage, type HttpRequest } from './http.ts';
import { importXva } from './import-xva.ts';
import { importVdi } from './import-vdi.ts';
import type { FakePool } from './pool.ts';
import { checkPermission, type FakeSession } from './sessions.ts';
import type { RunningTask } from './tasks.ts';
import type { Value } from './xml.ts';

type HttpHandler = (exchange: Exchange) => Promise<void>;

const handlers: Record<string, { action: string; handle: HttpHandler }> = {
  'PUT /import': { action: 'http/put_import', handle: handleImport },
  'PUT /import_raw_vdi': { action: 'http/put_import_raw_vdi', handle: handleImportVdi },
  'GET /export': { action: 'http/get_export', handle: handleExport },
  'GET /export_raw_vdi': { action: 'http/get_export_raw_vdi', handle: handleExportVdi },
  'GET /vncsnapshot': { action: 'http/get_vncsnapshot', handle: sendSnapshot },
  'CONNECT /console': { action: 'http/connect_console', handle: serveConsole },
};

/** Whether there is a handler for a request, which is not a call. */
export function hasHandler({ method, path }: HttpRequest): boolean {
  return handlers[`${method} ${path}`] !== undefined;
}

/** Checks who asks, and lets the handler answer. The connection ends with it. */
export async function handleHttp(exchange: Omit<Exchange, 'session'>): Promise<void> {
  const { pool, request, socket } = exchange;
  const entry = handlers[`${request.method} ${request.path}`];
  if (!entry) return;
  const task = parameterOf(request, 'task_id');
  let session: FakeSession;
  try {
    session = pool.sessions.get(parameterOf(request, 'session_id') ?? '');
  } catch {
    if (task !== undefined && pool.db.has('task', task)) pool.tasks.fail(task, new XapiFault('SESSION_AUTHENTICATION_FAILED'));
    end(
      socket,
      htmlPage(request.version, 401, 'Unauthorised', 'HTTP 401 unauthorised', 'Please check your credentials and retry.'),
    );
    return;
  }
  try {
    checkPermission(session, entry.action);
  } catch (error) {
    if (task !== undefined && pool.db.has('task', task)) pool.tasks.fail(task, error);
    end(
      socket,
      htmlPage(request.version, 403, 'Forbidden', 'HTTP 403 forbidden', 'Access to the requested resource is forbidden.'),
    );
    return;
  }
  try {
    await entry.handle({ ...exchange, session });
    end(socket);
  } catch (error) {
    // Even when 200 has been sent already: then this page is a part of the body.
    const text = `An unexpected error occurred; please wait a while and try again.<h1> Additional information </h1>${faultOf(error).message}`;
    end(socket, htmlPage(request.version, 500, 'Internal Error', 'HTTP 500 internal server error', text));
  }
}

/** Says the last words and closes, whatever the other side is still sending. */
function end(socket: TLSSocket, words = ''): void {
  if (socket.destroyed) return;
  if (words !== '') socket.write(words);
  socket.destroySoon();
}

/** Lets `work` run as the task that the client named, or one of its own; the task says how it ended. */
async function withTask(
  exchange: Exchange,
  label: string,
  work: (task: RunningTask) => Promise<Value | undefined>,
): Promise<void> {
  const { pool, request, session } = exchange;
  const ref = parameterOf(request, 'task_id') ?? pool.tasks.create(session.user.name, label);
  const task = pool.tasks.running(ref);
  try {
    pool.tasks.complete(ref, await work(task));
  } catch (error) {
    if (pool.db.has('task', ref)) pool.tasks.fail(ref, error);
    throw error;
  }
}

/** Sends the client to a host that sees the repository, when this one does not. */
function redirectTo({ pool, host, request, socket }: Exchange, sr: string): boolean {
  const seeing = pool.hostsOf(sr);
  if (seeing.includes(host)) return false;
  const [other] = seeing;
  if (other === undefined) throw new XapiFault('NO_HOSTS_AVAILABLE');
  const port = socket.localPort ?? 443;
  const query = new URLSearchParams(request.query).toString();
  const url = `https://${pool.addressOf(other)}${port === 443 ? '' : `:${port}`}${request.path}?${query}`;
  socket.write(headOf('1.1', 302, 'Found', { connection: 'close', location: url }));
  return true;
}

const accepted = { connection: 'close', 'content-type': 'application/octet-stream' };

/** Says yes before a byte of the body is read, as XAPI does. Writes twice: the head, and the blank line. */
function accept({ socket }: Exchange, task: RunningTask, more: Record<string, string> = {}): void {
  const head = headOf('1.1', 200, 'OK', { ...accepted, 'task-id': task.ref, ...more });
  socket.write(head.slice(0, -2));
  socket.write('\r\n');
}

function refuseHead({ socket, request }: Exchange, status: number, reason: string): void {
  socket.write(headOf(request.version, status, reason, { connection: 'close' }));
}

async function handleImport(exchange: Exchange): Promise<void> {
  const { pool, request } = exchange;
  const { faults } = pool;
  const uuid = parameterOf(request, 'sr_uuid');
  const byUuid = pool.db.all('SR').find(({ record }) => record['uuid'] === uuid)?.ref;
  const sr = parameterOf(request, 'sr_id') ?? byUuid ?? textOf(pool.db.get('pool', pool.poolRef), 'default_SR');
  pool.db.get('SR', sr);
  const late = faults.answerLateAt;
  if (late !== undefined && !pool.hostsOf(sr).includes(exchange.host)) await request.body.read(late);
  if (redirectTo(exchange, sr)) return;
  await withTask(exchange, 'VM.import', async (task) => {
    task.progress(0);
    if (faults.upgrading) {
      refuseHead(exchange, 400, 'Bad Request');
      throw new XapiFault('NOT_SUPPORTED_DURING_UPGRADE');
    }
    if (pool.db.get('SR', sr)['content_type'] === 'iso') {
      refuseHead(exchange, 400, 'Bad Request');
      throw new XapiFault('SR_OPERATION_NOT_SUPPORTED', [sr]);
    }
    if (request.transferEncoding !== undefined) {
      refuseHead(exchange, 403, 'Forbidden');
      throw new XapiFault('IMPORT_ERROR_CANNOT_HANDLE_CHUNKED');
    }
    if (late === undefined) accept(exchange, task);
    const body = watchBody(exchange, task, () => accept(exchange, task));
    const flags = { restore: parameterOf(request, 'restore') === 'true', force: parameterOf(request, 'force') === 'true' };
    const vms = await importXva(pool, body, { sr, ...flags }, task);
    if (faults.importFailsLate) {
      for (const vm of vms) await removeImported(pool, vm);
      throw faults.importFailsLate;
    }
    return vms;
  });
  // XAPI leaves the end of the archive unread; whether the client sees that as a broken connection is a matter of chance.
  if (faults.resetAfterImport) exchange.reset();
  else await drain(exchange);
}

async function removeImported(pool: FakePool, vm: string): Promise<void> {
  for (const vbd of pool.db.get('VM', vm)['VBDs'] as string[]) {
    const vdi = textOf(pool.db.get('VBD', vbd), 'VDI');
    pool.db.destroy('VBD', vbd);
    if (pool.db.has('VDI', vdi)) await pool.storage.destroyVdi(vdi);
  }
  for (const vif of pool.db.get('VM', vm)['VIFs'] as string[]) pool.db.destroy('VIF', vif);
  pool.db.destroy('VM', vm);
}

/** The body of an upload, with the faults that are wanted. */
function watchBody({ pool, request, reset }: Exchange, task: RunningTask, sayYes: () => void): HttpRequest['body'] {
  const { faults } = pool;
  const { body } = request;
  let late = faults.answerLateAt !== undefined;
  const check = async (): Promise<void> => {
    if (late && body.taken >= (faults.answerLateAt ?? 0)) {
      late = false;
      sayYes();
    }
    if (faults.cutImportAt !== undefined && body.taken >= faults.cutImportAt) reset();
    if (faults.importStuckAt !== undefined && body.taken >= faults.importStuckAt) {
      const over = AbortSignal.any([pool.closing.signal, ...(faults.ignoreCancel ? [] : [task.cancelled])]);
      if (!over.aborted) await new Promise((resolve) => over.addEventListener('abort', resolve));
    }
  };
  return {
    get taken() {
      return body.taken;
    },
    async read(length) {
      await check();
      return body.read(length);
    },
    async readSome(most) {
      await check();
      return body.readSome(most);
    },
  };
}

/** Reads what is left of a body, so that the connection can end in peace. */
async function drain({ request }: Exchange): Promise<void> {
  while ((await request.body.readSome(65_536)) !== undefined);
}

async function handleImportVdi(exchange: Exchange): Promise<void> {
  const { pool, request } = exchange;
  const uuid = parameterOf(request, 'vdi') ?? '';
  const vdi = pool.db.all('VDI').find(({ ref, record }) => ref === uuid || record['uuid'] === uuid)?.ref;
  if (vdi === undefined) throw new XapiFault('VDI_MISSING', []);
  if (redirectTo(exchange, textOf(pool.db.get('VDI', vdi), 'SR'))) return;
  await withTask(exchange, 'Importing raw VDI', async (task) => {
    const format = parameterOf(request, 'format') ?? 'raw';
    const chunked = parameterOf(request, 'chunked') !== undefined;
    const refuse = (words: string): never => {
      refuseHead(exchange, 404, 'Not Found');
      throw new XapiFault('INTERNAL_ERROR', [words]);
    };
    if (!['raw', 'vhd'].includes(format)) refuse(`Unknown format ${format}`);
    if (format !== 'raw' && chunked) refuse('Cannot handle chunked VHD');
    if (request.transferEncoding !== undefined) refuse(`Cannot handle encoding: ${request.transferEncoding}`);
    accept(exchange, task);
    pool.filling.add(vdi);
    await importVdi(
      pool,
      watchBody(exchange, task, () => undefined),
      vdi,
      format,
      request.contentLength,
      task,
    ).finally(() => pool.filling.delete(vdi));
    // What was taken stays in the disk, which is the caller's.
    if (pool.faults.importFailsLate) throw pool.faults.importFailsLate;
    return vdi;
  });
  await drain(exchange);
}

async function handleExport(exchange: Exchange): Promise<void> {
  const { pool, request } = exchange;
  const wanted = parameterOf(request, 'ref') ?? parameterOf(request, 'uuid') ?? '';
  const vm = pool.db.all('VM').find(({ ref, record }) => ref === wanted || record['uuid'] === wanted)?.ref;
  if (vm === undefined) throw new XapiFault('HANDLE_INVALID', ['VM', wanted]);
  const srs = (pool.db.get('VM', vm)['VBDs'] as string[]).flatMap((vbd) => {
    const vdi = textOf(pool.db.get('VBD', vbd), 'VDI');
    return pool.db.has('VDI', vdi) ? [textOf(pool.db.get('VDI', vdi), 'SR')] : [];
  });
  for (const sr of srs) if (redirectTo(exchange, sr)) return;
  const compression = parameterOf(request, 'use_compression');
  await withTask(exchange, 'VM.export', async (task) => {
    if (pool.db.get('VM', vm)['power_state'] !== 'Halted') {
      throw new XapiFault('VM_BAD_POWER_STATE', [vm, 'halted', textOf(pool.db.get('VM', vm), 'power_state').toLowerCase()]);
    }
    accept(exchange, task, { 'content-disposition': 'attachment; filename="export.xva"' });
    await exportXva(pool, exchange.socket, vm, compression, task);
    return undefined;
  });
}

async function handleExportVdi(exchange: Exchange): Promise<void> {
  const { pool, request } = exchange;
  const wanted = parameterOf(request, 'vdi') ?? '';
  const vdi = pool.db.all('VDI').find(({ ref, record }) => ref === wanted || record['uuid'] === wanted)?.ref;
  if (vdi === undefined) throw new XapiFault('HANDLE_INVALID', ['VDI', wanted]);
  if (redirectTo(exchange, textOf(pool.db.get('VDI', vdi), 'SR'))) return;
  await withTask(exchange, 'Exporting raw VDI', async (task) => {
    accept(exchange, task);
    await exportVdi(pool, exchange.socket, vdi, parameterOf(request, 'format') ?? 'raw', task);
    return undefined;
  });
}
