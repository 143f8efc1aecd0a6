import type { Duplex, Writable } from 'node:stream';
import { AppError } from '../util/errors.ts';
import { registerSecret } from '../util/redact.ts';
import { openConnections } from './xapi/connection.ts';
import { connectConsole, type ConsoleOptions } from './xapi/console.ts';
import { watchEvents, type XapiEvent } from './xapi/events.ts';
import { formatHost, type HostAddress, parseHost } from './xapi/host-address.ts';
import type { XapiMethod, XapiMethods } from './xapi/methods.ts';
import type { CallOptions } from './xapi/pool-line.ts';
import type { Ref, SrRef, TaskRef, VdiRef, VmRef, XapiClass, XapiClasses } from './xapi/records.ts';
import { endSession, openSession } from './xapi/session.ts';
import { screenshotOf } from './xapi/screenshot.ts';
import { endTask, type TaskOptions, watchTask } from './xapi/tasks.ts';
import { download, upload, type UploadOptions, type UploadSource } from './xapi/transfer.ts';
import { openTrust, type XapiTrust } from './xapi/trust.ts';

export type { ConsoleOptions } from './xapi/console.ts';
export { xapiErrorOf } from './xapi/errors.ts';
export type { XapiEvent } from './xapi/events.ts';
export type { VbdCreate, VdiCreate, VifCreate, XapiMethod, XapiMethods } from './xapi/methods.ts';
export * from './xapi/records.ts';
export type { TaskOptions } from './xapi/tasks.ts';
export type { UploadOptions, UploadSource } from './xapi/transfer.ts';
export type { CertificatePins, XapiTrust } from './xapi/trust.ts';

export interface XapiOptions {
  /** Members of the pool (`pool.example`, `10.0.0.5:8443`), tried in their order; the master is found from them. */
  hosts: readonly string[];
  /** Called at each log-in, renewals too. Password and session are kept out of all output. */
  credentials: () => Promise<{ user: string; password: string }>;
  /** Who vouches for the hosts: the CAs of this system by default. */
  trust?: XapiTrust;
  /** What XAPI shows as the origin of the session. */
  originator?: string;
  /** Awaited with the secret of each new session before it is used: to keep it, so that it can be logged out after a crash. */
  onSession?: (session: string) => Promise<void> | void;
  /** Ends everything that is under way; the log-out still happens. */
  signal?: AbortSignal;
  /** The longest silence in one call; 60 s by default. */
  callTimeoutMs?: number;
}

export interface ImportOptions extends UploadOptions {
  sr: SrRef;
  /** Keeps UUIDs and MAC addresses, as of a backup. */
  restore?: boolean;
  /** Takes blocks with wrong checksums, too. */
  force?: boolean;
}

type Parameters_<M extends XapiMethod> = Parameters<XapiMethods[M]>;
type Result<M extends XapiMethod> = ReturnType<XapiMethods[M]>;

/** A log-in to a pool of XCP-ng or XenServer. All calls throw AppErrors: see {@link xapiErrorOf} and docs/reference/errors.md. */
export interface Xapi extends AsyncDisposable {
  /** The master that is asked now, `address:port`. */
  readonly master: string;
  /** One call. The session is renewed once when the host has forgotten it, and the master is followed. */
  call<M extends XapiMethod>(method: M, ...parameters: Parameters_<M>): Promise<Result<M>>;
  /** The same with a signal or a time-out of its own. */
  callWith<M extends XapiMethod>(options: CallOptions, method: M, ...parameters: Parameters_<M>): Promise<Result<M>>;
  /** The same as a task, which may take long: with progress, cancelled by the signal, removed at the end. */
  run<M extends XapiMethod>(method: M, parameters: Parameters_<M>, options?: TaskOptions): Promise<Result<M>>;
  /** All objects of a class. */
  all<C extends XapiClass>(of: C): Promise<{ ref: Ref<C>; record: XapiClasses[C] }[]>;
  /** Streams an XVA in. Resolves with its VMs when the host's task has succeeded. */
  importXva(source: UploadSource, options: ImportOptions): Promise<VmRef[]>;
  /** Fills a VDI, which must be large enough, with a disk. */
  importVdi(vdi: VdiRef, source: UploadSource, options: UploadOptions & { format: 'raw' | 'vhd' }): Promise<void>;
  /** Writes a VM as XVA into `sink`, and ends it. Resolves when the host's task has succeeded. */
  exportXva(vm: VmRef, sink: Writable, options?: TaskOptions & { compression?: 'gzip' | 'zstd' }): Promise<{ bytes: number }>;
  exportVdi(vdi: VdiRef, sink: Writable, options?: TaskOptions & { format?: 'raw' | 'vhd' }): Promise<{ bytes: number }>;
  /** What the console of a running VM shows, as JPEG. */
  screenshot(vm: VmRef, signal?: AbortSignal): Promise<Uint8Array>;
  /** The console of a running VM as a stream of RFB, for `openRfb` and `watchConsole`. */
  openConsole(vm: VmRef, options?: ConsoleOptions): Promise<Duplex>;
  /** What is there, and then what changes, until `signal` says so. `classes`: `VM`, `task` ... */
  events(classes: readonly string[], options?: { signal?: AbortSignal }): AsyncIterable<XapiEvent>;
  /** Waits for a task that somebody else made, or we did before. It is not removed. */
  waitTask(task: TaskRef, options?: TaskOptions): Promise<unknown>;
  /** Logs out and closes all connections. Never throws. */
  close(): Promise<void>;
}

const defaultCallTimeoutMs = 60_000;
/** The longest that making a connection may take, where a call may take longer. */
const connectTimeoutMs = 15_000;

/**
 * Logs in to a pool.
 * @throws AppError CONFIG_INVALID, TARGET_UNREACHABLE, TARGET_DENIED, TLS_UNTRUSTED, TIMEOUT, CANCELLED
 */
export async function openXapi(options: XapiOptions): Promise<Xapi> {
  const hosts = options.hosts.map((host) => parseHost(host));
  if (hosts.length === 0) throw new AppError('CONFIG_INVALID', 'A pool needs the address of one of its hosts');
  const timeoutMs = options.callTimeoutMs ?? defaultCallTimeoutMs;
  const connections = openConnections(openTrust(options.trust ?? {}), Math.min(connectTimeoutMs, timeoutMs));
  const session = await openSession({
    connections,
    hosts,
    credentials: options.credentials,
    onSession: options.onSession,
    originator: options.originator ?? 'gabarit',
    timeoutMs,
    signal: options.signal,
  }).catch((error: unknown) => {
    connections.close();
    throw error;
  });

  /** The caller's signal, and that of the whole client. */
  const withSignal = <T extends { signal?: AbortSignal | undefined }>(own: T): T & { signal: AbortSignal | undefined } => {
    const signals = [own.signal, options.signal].filter((signal) => signal !== undefined);
    return { ...own, signal: signals.length > 1 ? AbortSignal.any(signals) : signals[0] };
  };
  const transferOf = (path: string, query: Record<string, string>, what: string) => ({
    session,
    connections,
    path,
    query,
    what: `${what} the pool at ${formatHost(session.host)}`,
    timeoutMs,
  });
  /** Where a running VM is: only that host has its console. The master is reached as we reached it, whatever it calls itself. */
  const hostOf = async (vm: VmRef): Promise<{ host: HostAddress; uuid: string }> => {
    const { uuid, name_label: name, power_state: state, resident_on: resident } = await xapi.call('VM.get_record', vm);
    if (state === 'Halted' || state === 'Suspended') {
      throw new AppError('CONFLICT', `The VM "${name}" has no console: it is ${state.toLowerCase()}`, {
        hint: 'Start it first.',
      });
    }
    const pool = (await xapi.all('pool'))[0]?.record;
    if (pool?.master === resident) return { host: session.host, uuid };
    const address = await xapi.call('host.get_address', resident);
    return { host: parseHost(address, session.host.port), uuid };
  };

  const xapi: Xapi = {
    get master() {
      return formatHost(session.host);
    },
    call: (method, ...parameters) => xapi.callWith({}, method, ...parameters),
    async callWith(own, method, ...parameters) {
      return (await session.call(method, parameters, withSignal(own))) as Result<typeof method>;
    },
    async run(method, parameters, own = {}) {
      const watched = withSignal(own);
      const task = (await session.call(`Async.${method}`, parameters, { signal: watched.signal })) as TaskRef;
      try {
        await own.onTask?.(task);
        const what = `${method} at ${formatHost(session.host)}`;
        return (await watchTask(session, task, what, watched).result) as Result<typeof method>;
      } finally {
        await endTask(session, task);
      }
    },
    async all(of) {
      const records = (await session.call(`${of}.get_all_records`, [])) as Record<string, XapiClasses[typeof of]>;
      return Object.entries(records).map(([ref, record]) => ({ ref: ref as Ref<typeof of>, record }));
    },
    async importXva(source, own) {
      const query = { sr_id: own.sr, ...(own.restore ? { restore: 'true' } : {}), ...(own.force ? { force: 'true' } : {}) };
      const vms = await upload(transferOf('/import', query, 'The import into'), source, withSignal(own));
      if (!Array.isArray(vms)) throw new AppError('TARGET_FAILED', `The import into ${formatHost(session.host)} made no VM`);
      return vms as VmRef[];
    },
    async importVdi(vdi, source, own) {
      const query = { vdi, format: own.format };
      await upload(transferOf('/import_raw_vdi', query, 'Filling a disk of'), source, withSignal(own));
    },
    exportXva(vm, sink, own = {}) {
      const query = { ref: vm, ...(own.compression === undefined ? {} : { use_compression: own.compression }) };
      return download(transferOf('/export', query, 'The export from'), sink, withSignal(own));
    },
    exportVdi(vdi, sink, own = {}) {
      const query = { vdi, format: own.format ?? 'raw' };
      return download(transferOf('/export_raw_vdi', query, 'Reading a disk of'), sink, withSignal(own));
    },
    async screenshot(vm, signal) {
      const { host, uuid } = await hostOf(vm);
      return screenshotOf(connections, session, host, uuid, withSignal({ signal }).signal, timeoutMs);
    },
    async openConsole(vm, own = {}) {
      const { host, uuid } = await hostOf(vm);
      return connectConsole(connections, session, host, uuid, withSignal(own));
    },
    events: (classes, own = {}) => watchEvents(session, classes, withSignal(own).signal),
    waitTask: (task, own = {}) => watchTask(session, task, `The task ${task}`, withSignal(own)).result,
    async close() {
      await session.close();
      connections.close();
    },
    [Symbol.asyncDispose]: () => xapi.close(),
  };
  return xapi;
}

/** Logs in, does the work, and logs out, whatever happens. */
export async function withXapi<T>(options: XapiOptions, work: (xapi: Xapi) => Promise<T>): Promise<T> {
  await using xapi = await openXapi(options);
  return await work(xapi);
}

/**
 * Ends a session that somebody left behind. One that has ended already is fine.
 * @throws AppError TARGET_UNREACHABLE, TLS_UNTRUSTED, TIMEOUT, CANCELLED
 */
export async function logoutXapi(options: Omit<XapiOptions, 'credentials' | 'onSession'>, session: string): Promise<void> {
  registerSecret(session);
  const timeoutMs = options.callTimeoutMs ?? defaultCallTimeoutMs;
  const connections = openConnections(openTrust(options.trust ?? {}), Math.min(connectTimeoutMs, timeoutMs));
  try {
    await endSession({
      connections,
      hosts: options.hosts.map((host) => parseHost(host)),
      timeoutMs,
      originator: options.originator ?? 'gabarit',
      session,
      signal: options.signal,
    });
  } finally {
    connections.close();
  }
}
