import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Certificate, makeAuthority, makeCertificate } from './xapi/certificates.ts';
import type { Database } from './xapi/database.ts';
import { XapiFault } from './xapi/fault.ts';
import type { FakeXapiOptions, XapiFaults } from './xapi/options.ts';
import { FakePool, type LoggedRequest } from './xapi/pool.ts';
import type { ConsoleActivity, FakeScreen } from './xapi/rfb-server.ts';
import { HostServer } from './xapi/server.ts';

export { XapiFault } from './xapi/fault.ts';
export type { FakeXapiOptions, XapiFaults } from './xapi/options.ts';
export type { Role, User } from './xapi/sessions.ts';
export { patternScreen } from './xapi/rfb-server.ts';

export interface FakeHost {
  /** `127.0.0.1:40123`. */
  address: string;
  fingerprint: string;
  ref: string;
}

/** A pool of XCP-ng hosts that follows XAPI's rules, on TLS, on the loopback interface. */
export interface FakeXapi {
  hosts: FakeHost[];
  user: string;
  password: string;
  /** The CA's certificate, with `certificates: 'ca'`. */
  ca: string | undefined;
  /** May be changed at any time. */
  faults: XapiFaults;
  /** The pool's objects: to look at them, and to plant some. */
  db: Database;
  /** Every request and call so far. */
  log: LoggedRequest[];
  /** Sessions that are logged in. */
  sessions(): { user: string; originator: string }[];
  expireSessions(): void;
  /** Where a VDI lies: a sparse raw disk, which can be booted. */
  diskPath(vdi: string): string;
  /** What was done at a VM's console so far. */
  consoleOf(vm: string): ConsoleActivity;
  /** What a VM's console shows, instead of the pattern. */
  show(vm: string, screen: FakeScreen): void;
  /** Ends all consoles, as a guest that is rebooted does. */
  cutConsoles(): void;
  setMaster(index: number): void;
  /** Takes a host off the network, and puts it back. */
  stopHost(index: number): Promise<void>;
  startHost(index: number): Promise<void>;
  /** The tool stack starts again: connections are cut, tasks end as cancelled. */
  restart(index: number): void;
  changeCertificate(index: number): Promise<void>;
  close(): Promise<void>;
}

/** Starts a pool. Certificates and disks lie in `folder`. Needs openssl. */
export async function startXapi(folder: string, options: FakeXapiOptions = {}): Promise<FakeXapi> {
  await mkdir(folder, { recursive: true });
  const signedBy = options.certificates ?? 'itself';
  const ca = signedBy === 'ca' ? (await makeAuthority(folder)).pem : undefined;
  const addresses = Array.from({ length: options.hosts ?? 1 }, (_, index) => `127.0.0.${index + 1}`);
  const certificates = await Promise.all(addresses.map((address) => makeCertificate(folder, address, signedBy)));
  const pool = new FakePool(folder, addresses, options);
  const { servers, port } = await listenAll(pool, addresses, certificates);
  const serverOf = (index: number): HostServer => {
    const server = servers[index];
    if (!server) throw new XapiFault('HANDLE_INVALID', ['host', String(index)]);
    return server;
  };

  return {
    hosts: addresses.map((address, index) => ({
      address: `${address}:${port}`,
      get fingerprint() {
        return serverOf(index).certificate.fingerprint;
      },
      ref: pool.hostRefs[index] ?? '',
    })),
    user: 'root',
    password: 'secret',
    ca,
    faults: pool.faults,
    db: pool.db,
    log: pool.log,
    sessions: () => pool.sessions.all().map(({ user, originator }) => ({ user: user.name, originator })),
    expireSessions: () => pool.sessions.expireAll(),
    diskPath: (vdi) => pool.storage.pathOf(vdi),
    consoleOf: (vm) => pool.consoles.get(vm) ?? { keys: [], shared: [] },
    show: (vm, screen) => void pool.screens.set(vm, screen),
    cutConsoles() {
      for (const viewer of pool.viewers) viewer.destroy();
    },
    setMaster(index) {
      pool.master = index;
      pool.db.set('pool', pool.poolRef, { master: pool.hostRefs[index] ?? '' });
    },
    stopHost: (index) => serverOf(index).close(),
    async startHost(index) {
      await serverOf(index).listen(addresses[index] ?? '', port);
    },
    restart(index) {
      serverOf(index).cutConnections();
      pool.tasks.failAll();
    },
    async changeCertificate(index) {
      const fresh = join(folder, `fresh-${Date.now()}`);
      await mkdir(fresh);
      serverOf(index).changeCertificate(await makeCertificate(fresh, addresses[index] ?? '', 'itself'));
    },
    async close() {
      // Those who wait for events get their answer before the connection ends.
      pool.closing.abort();
      await sleep(20);
      await Promise.all(servers.map((server) => server.close()));
    },
  };
}

/** All hosts listen on the same port, as in a real pool, each at its own address: a port must be found that is free at all. */
async function listenAll(
  pool: FakePool,
  addresses: string[],
  certificates: Certificate[],
): Promise<{ servers: HostServer[]; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const servers = certificates.map((certificate, index) => new HostServer(pool, index, certificate));
    try {
      let port = 0;
      for (const [index, server] of servers.entries()) port = await server.listen(addresses[index] ?? '', port);
      return { servers, port };
    } catch (error) {
      await Promise.all(servers.map((server) => server.close()));
      if (attempt >= 10) throw error;
    }
  }
}
