import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sampleDisk, sampleXva } from '../../test/fakes/xapi/sample-xva.ts';
import { type FakeXapi, type FakeXapiOptions, startXapi, XapiFault } from '../../test/fakes/xapi.ts';
import { needs } from '../../test/tools.ts';
import { redact } from '../util/redact.ts';
import { logoutXapi, openXapi, type SrRef, type TaskRef, type VmRef, type Xapi, type XapiOptions, withXapi } from './xapi.ts';

let folder: string;
let pool: FakeXapi;
let opened: Xapi[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'xapi-'));
});

afterEach(async () => {
  await Promise.all(opened.map((xapi) => xapi.close()));
  opened = [];
  await pool?.close();
  await rm(folder, { recursive: true });
});

async function start(options: FakeXapiOptions = {}): Promise<FakeXapi> {
  pool = await startXapi(folder, options);
  return pool;
}

function optionsFor(more: Partial<XapiOptions> = {}): XapiOptions {
  return {
    hosts: [pool.hosts[0]?.address ?? ''],
    credentials: () => Promise.resolve({ user: 'root', password: 'secret' }),
    trust: { fingerprints: pool.hosts.map(({ fingerprint }) => fingerprint) },
    callTimeoutMs: 40_000,
    ...more,
  };
}

async function open(more: Partial<XapiOptions> = {}): Promise<Xapi> {
  const xapi = await openXapi(optionsFor(more));
  opened.push(xapi);
  return xapi;
}

async function defaultSr(xapi: Xapi): Promise<SrRef> {
  const [first] = await xapi.all('SR');
  if (!first) throw new Error('no SR');
  return first.ref;
}

function sourceOf(bytes: Buffer, chunkBytes = 64 * 1024): { length: number; open(): Readable; opened: number } {
  const source = {
    length: bytes.length,
    opened: 0,
    open(): Readable {
      source.opened += 1;
      const chunks = Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, at) =>
        bytes.subarray(at * chunkBytes, (at + 1) * chunkBytes),
      );
      return Readable.from(chunks, { objectMode: false });
    },
  };
  return source;
}

function collector(): { sink: Writable; bytes: () => Buffer } {
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  return { sink, bytes: () => Buffer.concat(chunks) };
}

async function* failing(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes.subarray(0, 100_000);
  await sleep(10);
  throw new Error('bad sector');
}

const template = 'Other install media';

async function machine(xapi: Xapi): Promise<VmRef> {
  const [base] = await xapi.call('VM.get_by_name_label', template);
  const vm = await xapi.run('VM.clone', [base as VmRef, 'machine']);
  await xapi.run('VM.provision', [vm]);
  return vm;
}

describe.skipIf(needs('openssl'))('the XAPI client', () => {
  describe.each(['json', 'xml'] as const)('with %s hosts', (rpc) => {
    test('logs in, calls, runs tasks, and logs out', async () => {
      await start({ rpc });
      const progress: number[] = [];
      let task: TaskRef | undefined;
      const name = `"a" <b> & 'c' \u00e9\u{1f600} \n x `;
      await withXapi(optionsFor({ originator: 'gabarit/test' }), async (xapi) => {
        expect(pool.sessions()).toEqual([{ user: 'root', originator: 'gabarit/test' }]);
        const [base] = await xapi.call('VM.get_by_name_label', template);
        const options = {
          onProgress: (fraction: number) => progress.push(fraction),
          onTask: (ref: TaskRef) => void (task = ref),
        };
        const vm = await xapi.run('VM.clone', [base as VmRef, name], options);
        expect(await xapi.call('VM.get_name_label', vm)).toBe(name);
        await xapi.call('VM.add_to_other_config', vm, 'k<ey>', 'value & more');
        await xapi.call('VM.set_tags', vm, ['one', 'two']);
        await xapi.call('VM.set_memory_limits', vm, 2 ** 30, 2 ** 32, 2 ** 30, 2 ** 32);
        const record = await xapi.call('VM.get_record', vm);
        expect(record).toMatchObject({ is_a_template: true, tags: ['one', 'two'], memory_static_max: '4294967296', VBDs: [] });
        expect(record.other_config['k<ey>']).toBe('value & more');
      });
      expect(progress.at(-1)).toBe(1);
      expect(task).toMatch(/^OpaqueRef:/);
      expect(pool.db.all('task')).toEqual([]);
      expect(pool.sessions()).toEqual([]);
    });

    test('a refusal has our code, and keeps what XAPI said', async () => {
      await start({ rpc });
      const xapi = await open();
      const [base] = await xapi.call('VM.get_by_name_label', template);
      await expect(xapi.call('VM.start', base as VmRef, false, false)).rejects.toMatchObject({
        code: 'TARGET_FAILED',
        message: expect.stringMatching(/^VM\.start at 127\.0\.0\.1:\d+ failed: VM_IS_TEMPLATE: OpaqueRef:/),
        details: { xapi: 'VM_IS_TEMPLATE', parameters: [base] },
      });
      await expect(xapi.call('VM.get_record', 'OpaqueRef:gone' as VmRef)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(xapi.run('VM.clean_shutdown', [await machine(xapi)])).rejects.toMatchObject({ code: 'CONFLICT' });
      expect(pool.db.all('task')).toEqual([]);
    });
  });

  test('a wrong password is refused as such, and nothing of it is said', async () => {
    await start();
    const credentials = () => Promise.resolve({ user: 'root', password: 'wrong-password' });
    const failure = await openXapi(optionsFor({ credentials })).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'TARGET_DENIED',
      message: expect.stringContaining('The log-in of "root" at 127.0.0.1'),
    });
    expect(JSON.stringify(failure)).not.toContain('wrong-password');
    expect(redact('wrong-password')).toBe('[redacted]');
  });

  test('session and password are in no address', async () => {
    await start();
    let session = '';
    const xapi = await open({ onSession: (id) => void (session = id) });
    const vm = await machine(xapi);
    await xapi.importXva(sourceOf(await sampleXva()), { sr: await defaultSr(xapi) });
    await xapi.call('VM.start', vm, false, false);
    await xapi.screenshot(vm);
    (await xapi.openConsole(vm)).destroy();
    const targets = pool.log.flatMap(({ target }) => target ?? []);
    expect(targets).toHaveLength(3);
    expect(session).toMatch(/^OpaqueRef:/);
    for (const target of targets) expect(decodeURIComponent(target)).not.toContain(session);
    expect(redact(`x ${session}`)).toBe('x [redacted]');
  });

  describe('sessions', () => {
    test('one that the host has forgotten is renewed once, for calls at the same time together', async () => {
      await start();
      const sessions: string[] = [];
      const xapi = await open({ onSession: (id) => void sessions.push(id) });
      pool.expireSessions();
      const names = await Promise.all(['one', 'two', 'three'].map(() => xapi.all('VM')));
      expect(names.map((vms) => vms.length)).toEqual([1, 1, 1]);
      expect(sessions).toHaveLength(2);
      await xapi.close();
      expect(pool.sessions()).toEqual([]);
    });

    test('one that is never accepted is not renewed for ever', async () => {
      await start();
      const xapi = await open();
      let logins = 0;
      pool.faults.beforeCall = (method) => {
        if (method === 'session.login_with_password') logins += 1;
        if (method === 'VM.get_all_records') throw new XapiFault('SESSION_INVALID', ['OpaqueRef:secret']);
      };
      await expect(xapi.all('VM')).rejects.toMatchObject({
        code: 'TARGET_DENIED',
        message: expect.not.stringContaining('secret'),
      });
      expect(logins).toBe(1);
    });

    test('one of a dead process is ended by its secret', async () => {
      await start();
      let session = '';
      await open({ onSession: (id) => void (session = id) });
      await logoutXapi(optionsFor(), session);
      expect(pool.sessions()).toEqual([]);
      await logoutXapi(optionsFor(), session);
    });

    test('it is logged out when the work fails, and when it is cancelled', async () => {
      await start();
      await expect(withXapi(optionsFor(), () => Promise.reject(new Error('the work failed')))).rejects.toThrow('the work failed');
      expect(pool.sessions()).toEqual([]);
      const cancel = new AbortController();
      pool.faults.taskStuck = () => true;
      const working = withXapi(optionsFor({ signal: cancel.signal }), async (xapi) => {
        const [base] = await xapi.call('VM.get_by_name_label', template);
        setTimeout(() => cancel.abort(), 100);
        return xapi.run('VM.clone', [base as VmRef, 'never']);
      });
      await expect(working).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(pool.sessions()).toEqual([]);
      expect(pool.db.all('task')).toEqual([]);
    });

    test('it is logged out when it is cancelled while it is made', async () => {
      await start();
      const cancel = new AbortController();
      pool.faults.beforeCall = async (method) => {
        if (method !== 'session.login_with_password') return;
        cancel.abort();
        await sleep(200);
      };
      await expect(openXapi(optionsFor({ signal: cancel.signal }))).rejects.toSatisfy(
        (error: Error) => error.name === 'AbortError',
      );
      expect(pool.sessions()).toEqual([]);
    });
  });

  describe('pools', () => {
    test('a slave sends us to the master', async () => {
      await start({ hosts: 2 });
      const xapi = await open({ hosts: [pool.hosts[1]?.address ?? ''] });
      expect(xapi.master).toBe(pool.hosts[0]?.address);
      expect(await xapi.all('host')).toHaveLength(2);
    });

    test('another master is followed in the middle, also when the old one is gone', async () => {
      await start({ hosts: 3 });
      const xapi = await open();
      pool.setMaster(1);
      expect(await xapi.all('VM')).toHaveLength(1);
      expect(xapi.master).toBe(pool.hosts[1]?.address);
      pool.setMaster(2);
      await pool.stopHost(1);
      expect(await xapi.all('VM')).toHaveLength(1);
      expect(xapi.master).toBe(pool.hosts[2]?.address);
    });

    test('two hosts that point at each other do not keep us', async () => {
      await start({ hosts: 2 });
      const xapi = await open();
      pool.setMaster(5);
      pool.db.set('host', pool.hosts[0]?.ref ?? '', { address: '127.0.0.2' });
      await expect(xapi.all('VM')).rejects.toMatchObject({ message: expect.stringContaining('HANDLE_INVALID') });
    });

    test('a host that is not there is named, with the reason', async () => {
      await start();
      await pool.stopHost(0);
      await expect(openXapi(optionsFor())).rejects.toMatchObject({
        code: 'TARGET_UNREACHABLE',
        message: expect.stringMatching(/^127\.0\.0\.1:\d+ cannot be reached: it refuses connections there$/),
      });
    });

    test('a host that stops answering in a call is not waited for, asked or told', async () => {
      await start();
      const xapi = await open({ callTimeoutMs: 300 });
      const [vm] = await xapi.all('VM');
      pool.faults.beforeCall = () => sleep(2000, undefined, { ref: false });
      await expect(xapi.all('VM')).rejects.toMatchObject({
        code: 'TIMEOUT',
        message: expect.stringContaining('said nothing for 0.3 s'),
      });
      await expect(xapi.call('VM.set_tags', vm?.ref as VmRef, [])).rejects.toMatchObject({ code: 'TIMEOUT' });
    });

    test('what listens there and is no pool is named as what it is', async () => {
      await start();
      const servers: Server[] = [];
      const sockets: Socket[] = [];
      const listen = async (onConnection: (socket: Socket) => void): Promise<string> => {
        const server = createServer((socket) => {
          socket.on('error', () => undefined);
          sockets.push(socket);
          onConnection(socket);
        });
        servers.push(server);
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        return `127.0.0.1:${(server.address() as AddressInfo).port}`;
      };
      const silent = await listen(() => undefined);
      const ssh = await listen((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
      const failureOf = (host: string): Promise<unknown> =>
        openXapi(optionsFor({ hosts: [host], callTimeoutMs: 300 })).catch((error: unknown) => error);
      expect(await failureOf(silent)).toMatchObject({
        code: 'TIMEOUT',
        message: `${silent} did not accept a connection within 0.3 s`,
      });
      expect(await failureOf(ssh)).toMatchObject({
        code: 'TARGET_UNREACHABLE',
        message: `${ssh} cannot be reached: what listens there does not speak TLS as we do`,
      });
      for (const wrong of ['https://pool.example/', 'root@pool.example', 'pool.example:99999', '']) {
        expect(await failureOf(wrong)).toMatchObject({ code: 'CONFIG_INVALID' });
      }
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    });

    test('a call whose answer is lost is not sent again', async () => {
      await start();
      const xapi = await open();
      const vm = await machine(xapi);
      pool.faults.cutAnswer = (method) => method === 'VM.add_to_other_config';
      await expect(xapi.call('VM.add_to_other_config', vm, 'key', 'value')).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' });
      expect(pool.log.filter(({ name }) => name === 'VM.add_to_other_config')).toHaveLength(1);
    });
  });

  describe('imports', () => {
    test('an XVA becomes a VM with its disks', async () => {
      await start();
      const xapi = await open();
      const disks = [sampleDisk(5), sampleDisk(2)];
      const xva = await sampleXva({ name: 'imported', disks, otherConfig: { mark: 'run-1' } });
      const progress: number[] = [];
      let sent = 0;
      let atTask: unknown[] = [];
      const vms = await xapi.importXva(sourceOf(xva), {
        sr: await defaultSr(xapi),
        taskLabel: 'gabarit run-1',
        taskOtherConfig: { 'gabarit:run': 'run-1' },
        onTask(task) {
          // Recorded before a byte is sent.
          expect(sent).toBe(0);
          const record = pool.db.get('task', task);
          atTask = [record['name_label'], record['other_config']];
        },
        onProgress: (fraction) => progress.push(fraction),
        onBytes: (bytes) => (sent = bytes),
      });
      expect(atTask).toEqual(['gabarit run-1', { 'gabarit:run': 'run-1' }]);
      expect(sent).toBe(xva.length);
      expect(progress.at(-1)).toBe(1);
      expect(vms).toHaveLength(1);
      const vm = await xapi.call('VM.get_record', vms[0] as VmRef);
      expect(vm).toMatchObject({ name_label: 'imported', power_state: 'Halted', is_a_template: false });
      expect(vm.other_config).toMatchObject({ mark: 'run-1', mac_seed: expect.any(String) });
      for (const [index, vbd] of vm.VBDs.entries()) {
        const { VDI, userdevice } = await xapi.call('VBD.get_record', vbd);
        expect(userdevice).toBe(String(index));
        expect(disks[index]?.equals(await readFile(pool.diskPath(VDI)))).toBe(true);
      }
      expect(pool.db.all('task')).toEqual([]);
    });

    test.each([
      ['gzip', gzipSync],
      ['zstd', zstdCompressSync],
    ])('it may be packed with %s', async (_name, pack) => {
      await start();
      const xapi = await open();
      const vms = await xapi.importXva(sourceOf(pack(await sampleXva())), { sr: await defaultSr(xapi) });
      expect(vms).toHaveLength(1);
    });

    test('a host that does not see the storage sends us on, with the whole body, before any of it is sent', async () => {
      await start({ hosts: 2, srs: [{ name: 'far', hosts: [1] }] });
      const xapi = await open();
      const source = sourceOf(await sampleXva());
      const vms = await xapi.importXva(source, { sr: await defaultSr(xapi) });
      expect(vms).toHaveLength(1);
      expect(pool.log.filter(({ name }) => name === 'PUT /import').map(({ host }) => host)).toEqual([0, 1]);
      expect(source.opened).toBe(1);
    });

    test('also when it says so only after it has read a part', async () => {
      await start({ hosts: 2, srs: [{ name: 'far', hosts: [1] }], faults: { answerLateAt: 700_000 } });
      const xapi = await open({ callTimeoutMs: 2000 });
      const source = sourceOf(await sampleXva());
      expect(await xapi.importXva(source, { sr: await defaultSr(xapi) })).toHaveLength(1);
      expect(source.opened).toBe(2);
    });

    test('we are not sent out of the pool', async () => {
      await start({ hosts: 2, srs: [{ name: 'far', hosts: [1] }] });
      const xapi = await open();
      pool.db.set('host', pool.hosts[1]?.ref ?? '', { address: 'elsewhere.example' });
      const importing = xapi.importXva(sourceOf(await sampleXva()), { sr: await defaultSr(xapi) });
      await expect(importing).rejects.toMatchObject({
        code: 'TARGET_FAILED',
        message: expect.stringContaining('which is no host of this pool'),
      });
      expect(pool.db.all('task')).toEqual([]);
    });

    test('a connection that is cut at half is said as such, and leaves nothing', async () => {
      const xva = await sampleXva({ disks: [Buffer.alloc(8 << 20, 1)] });
      await start({ faults: { cutImportAt: xva.length / 2 } });
      const xapi = await open();
      const importing = xapi.importXva(sourceOf(xva), { sr: await defaultSr(xapi) });
      await expect(importing).rejects.toMatchObject({
        code: 'TARGET_UNREACHABLE',
        message: expect.stringMatching(/broke off: .*after \d+ of \d+ bytes/),
      });
      expect(pool.db.all('VM')).toHaveLength(1);
      expect(pool.db.all('VDI')).toEqual([]);
      expect(pool.db.all('task')).toEqual([]);
    });

    test('a connection that is reset when all was taken is a success', async () => {
      await start({ faults: { resetAfterImport: true } });
      const xapi = await open();
      expect(await xapi.importXva(sourceOf(await sampleXva()), { sr: await defaultSr(xapi) })).toHaveLength(1);
    });

    test('a task that fails late is a failure, whatever the status said', async () => {
      await start({ faults: { importFailsLate: new XapiFault('VDI_IO_ERROR', ['Device I/O error']) } });
      const xapi = await open();
      const importing = xapi.importXva(sourceOf(await sampleXva()), { sr: await defaultSr(xapi) });
      await expect(importing).rejects.toMatchObject({ code: 'TARGET_FAILED', details: { xapi: 'VDI_IO_ERROR' } });
    });

    test('a full storage ends the upload at once', async () => {
      await start({ srs: [{ name: 'small', sizeBytes: 4 << 20 }] });
      const xapi = await open();
      const xva = await sampleXva({ disks: [Buffer.alloc(64 << 20, 1)] });
      let sent = 0;
      const importing = xapi.importXva(sourceOf(xva), { sr: await defaultSr(xapi), onBytes: (bytes) => (sent = bytes) });
      await expect(importing).rejects.toMatchObject({
        code: 'TARGET_FULL',
        message: expect.stringContaining('insufficient space'),
      });
      expect(sent).toBeLessThan(xva.length);
    });

    test('a host that is too old says so', async () => {
      await start({ apiVersion: [1, 9] });
      const xapi = await open();
      const importing = xapi.importXva(sourceOf(await sampleXva()), { sr: await defaultSr(xapi) });
      await expect(importing).rejects.toMatchObject({
        code: 'TARGET_FAILED',
        message: expect.stringContaining('IMPORT_INCOMPATIBLE_VERSION'),
        hint: expect.stringContaining('older'),
      });
      expect(pool.db.all('VDI')).toEqual([]);
    });

    test('a session that is forgotten just before is renewed, with a task of its own', async () => {
      await start();
      const xapi = await open();
      const sr = await defaultSr(xapi);
      const tasks: string[] = [];
      const importing = xapi.importXva(sourceOf(await sampleXva()), {
        sr,
        onTask(task) {
          tasks.push(task);
          if (tasks.length === 1) pool.expireSessions();
        },
      });
      expect(await importing).toHaveLength(1);
      expect(new Set(tasks).size).toBeGreaterThanOrEqual(1);
      expect(pool.db.all('task')).toEqual([]);
    });

    test('a session that is forgotten in the middle does not matter', async () => {
      await start();
      const xapi = await open();
      const sr = await defaultSr(xapi);
      pool.faults.onImportBlock = () => pool.expireSessions();
      expect(await xapi.importXva(sourceOf(await sampleXva()), { sr })).toHaveLength(1);
      expect(pool.db.all('task')).toEqual([]);
    });

    test('a master that changes in the middle is followed to the end of the task', async () => {
      await start({ hosts: 2, srs: [{ name: 'far', hosts: [1] }] });
      const xapi = await open();
      const sr = await defaultSr(xapi);
      pool.faults.onImportBlock = () => pool.setMaster(1);
      expect(await xapi.importXva(sourceOf(await sampleXva()), { sr })).toHaveLength(1);
      expect(xapi.master).toBe(pool.hosts[1]?.address);
    });

    test('one that gets no further is ended, and removed', async () => {
      await start({ faults: { importStuckAt: 1_200_000 } });
      const xapi = await open();
      const importing = xapi.importXva(sourceOf(await sampleXva({ disks: [Buffer.alloc(32 << 20, 1)] })), {
        sr: await defaultSr(xapi),
        stallMs: 500,
      });
      await expect(importing).rejects.toMatchObject({ code: 'TIMEOUT', message: expect.stringContaining('got no further') });
      expect(pool.db.all('task')).toEqual([]);
      expect(pool.db.all('VDI')).toEqual([]);
      expect(pool.db.all('VM')).toHaveLength(1);
    });

    test('one that is cancelled leaves nothing', async () => {
      await start();
      const xapi = await open();
      const cancel = new AbortController();
      pool.faults.onImportBlock = async (bytes) => {
        if (bytes > 4 << 20) cancel.abort();
        await sleep(5);
      };
      const importing = xapi.importXva(sourceOf(await sampleXva({ disks: [Buffer.alloc(64 << 20, 1)] })), {
        sr: await defaultSr(xapi),
        signal: cancel.signal,
      });
      await expect(importing).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(pool.db.all('task')).toEqual([]);
      expect(pool.db.all('VDI')).toEqual([]);
    });

    test('a source that is shorter or longer than it said is refused', async () => {
      await start();
      const xapi = await open();
      const sr = await defaultSr(xapi);
      const xva = await sampleXva();
      const longer = xapi.importXva({ ...sourceOf(xva), length: xva.length - 1500 }, { sr });
      await expect(longer).rejects.toMatchObject({ code: 'IMAGE_INVALID', message: expect.stringContaining('announced') });
      const shorter = xapi.importXva({ ...sourceOf(xva.subarray(0, -1500)), length: xva.length }, { sr });
      await expect(shorter).rejects.toMatchObject({ code: 'IMAGE_INVALID', message: expect.stringContaining('announced') });
      const unreadable = { length: xva.length, open: () => Readable.from(failing(xva), { objectMode: false }) };
      await expect(xapi.importXva(unreadable, { sr })).rejects.toMatchObject({
        code: 'IMAGE_INVALID',
        message: 'What was to be sent could not be read: bad sector',
      });
      expect(pool.db.all('VDI')).toEqual([]);
    });

    test('who may not import is told which right is missing', async () => {
      await start({ users: [{ name: 'reader', password: 'reads-only', role: 'read-only' }] });
      const xapi = await open({ credentials: () => Promise.resolve({ user: 'reader', password: 'reads-only' }) });
      const importing = xapi.importXva(sourceOf(await sampleXva()), { sr: await defaultSr(xapi) });
      await expect(importing).rejects.toMatchObject({
        code: 'TARGET_DENIED',
        message: expect.stringMatching(/RBAC_PERMISSION_DENIED: http\/put_import, .*vm-admin/),
      });
      const [base] = await xapi.all('VM');
      await expect(xapi.call('VM.clone', base?.ref as VmRef, 'x')).rejects.toMatchObject({
        code: 'TARGET_DENIED',
        details: { xapi: 'RBAC_PERMISSION_DENIED' },
      });
    });

    test('the pace is kept', async () => {
      await start();
      const xapi = await open();
      const xva = await sampleXva({ disks: [Buffer.alloc(2 << 20, 1)] });
      const started = performance.now();
      await xapi.importXva(sourceOf(xva), { sr: await defaultSr(xapi), bytesPerSecond: 2 << 20 });
      expect(performance.now() - started).toBeGreaterThan(700);
    });

    test('a VDI is filled from raw', async () => {
      await start();
      const xapi = await open();
      const disk = sampleDisk(3);
      const vdi = await xapi.call('VDI.create', {
        name_label: 'disk',
        name_description: '',
        SR: await defaultSr(xapi),
        virtual_size: disk.length,
        type: 'user',
        sharable: false,
        read_only: false,
        other_config: {},
      });
      await xapi.importVdi(vdi, sourceOf(disk), { format: 'raw' });
      expect(disk.equals(await readFile(pool.diskPath(vdi)))).toBe(true);
      const { sink, bytes } = collector();
      expect(await xapi.exportVdi(vdi, sink)).toEqual({ bytes: disk.length });
      expect(bytes().equals(disk)).toBe(true);
      const tooLarge = xapi.importVdi(vdi, sourceOf(sampleDisk(4)), { format: 'raw' });
      await expect(tooLarge).rejects.toMatchObject({ details: { xapi: 'VDI_IO_ERROR' } });
    });
  });

  describe('exports', () => {
    test('what was exported can be imported again, packed and with empty blocks', async () => {
      await start({ faults: { emptyBlockAfter: 1 } });
      const xapi = await open();
      const sr = await defaultSr(xapi);
      const disk = sampleDisk(4);
      const [vm] = await xapi.importXva(sourceOf(await sampleXva({ disks: [disk] })), { sr });
      for (const compression of [undefined, 'gzip', 'zstd'] as const) {
        const path = join(folder, 'export.xva');
        const options = compression === undefined ? {} : { compression };
        const { bytes } = await xapi.exportXva(vm as VmRef, createWriteStream(path), options);
        const file = await readFile(path);
        expect(file.length).toBe(bytes);
        const [again] = await xapi.importXva(sourceOf(file), { sr });
        const [vbd] = (await xapi.call('VM.get_record', again as VmRef)).VBDs;
        const stored = await readFile(pool.diskPath((await xapi.call('VBD.get_record', vbd ?? ('' as never))).VDI));
        expect(createHash('sha256').update(stored).digest('hex')).toBe(createHash('sha256').update(disk).digest('hex'));
      }
    });

    test('one that breaks in the middle is a failure, though the status was 200', async () => {
      await start({ faults: { exportBreaksAt: 1_500_000 } });
      const xapi = await open();
      const [vm] = await xapi.importXva(sourceOf(await sampleXva()), { sr: await defaultSr(xapi) });
      await expect(xapi.exportXva(vm as VmRef, collector().sink)).rejects.toMatchObject({
        code: 'TARGET_FAILED',
        details: { xapi: 'VDI_IO_ERROR' },
      });
      expect(pool.db.all('task')).toEqual([]);
    });
  });

  describe('tasks', () => {
    test('one that is stuck is cancelled and removed after its time', async () => {
      await start({ faults: { taskStuck: () => true } });
      const xapi = await open();
      const [base] = await xapi.all('VM');
      await expect(xapi.run('VM.clone', [base?.ref as VmRef, 'never'], { stallMs: 300 })).rejects.toMatchObject({
        code: 'TIMEOUT',
      });
      expect(pool.db.all('task')).toEqual([]);
      expect(pool.db.all('VM')).toHaveLength(1);
    });

    test('one that vanishes with the tool stack is not taken for a success', async () => {
      await start({ faults: { taskStuck: () => true } });
      const xapi = await open();
      const [base] = await xapi.all('VM');
      const running = xapi.run('VM.clone', [base?.ref as VmRef, 'never'], {
        onTask: () => void setTimeout(() => pool.restart(0), 50),
      });
      await expect(running).rejects.toMatchObject({ code: 'CANCELLED', details: { xapi: 'TASK_CANCELLED' } });
      const again = xapi.run('VM.clone', [base?.ref as VmRef, 'never'], {
        onTask: (task) => void setTimeout(() => pool.db.destroy('task', task), 50),
      });
      await expect(again).rejects.toMatchObject({ code: 'TARGET_FAILED', message: expect.stringContaining('disappeared') });
    });
  });

  test('events: what is there, then what changes, until it is enough', async () => {
    await start();
    const xapi = await open();
    const enough = new AbortController();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const { class: of, operation, snapshot } of xapi.events(['VM'], { signal: enough.signal })) {
        seen.push(`${of} ${operation} ${snapshot === undefined ? '' : JSON.stringify(snapshot['name_label'])}`);
        if (operation === 'del') enough.abort();
      }
    })();
    await sleep(50);
    const vm = await machine(xapi);
    await xapi.call('VM.set_name_label', vm, 'renamed');
    await xapi.call('VM.destroy', vm);
    await watching;
    expect(seen[0]).toBe(`vm add "${template}"`);
    expect(seen).toContain('vm mod "renamed"');
    expect(seen.at(-1)).toBe('vm del ');
  });
});
