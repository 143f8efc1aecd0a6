import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as tlsConnect } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type FakeXapi, startXapi } from '../../test/fakes/xapi.ts';
import { needs } from '../../test/tools.ts';
import { encodePng, keys, openRfb, watchConsole } from './rfb.ts';
import { openXapi, type VmRef, type Xapi } from './xapi.ts';

describe.skipIf(needs('openssl'))('the console of a VM in a pool', () => {
  let folder: string;
  let pool: FakeXapi;
  let xapi: Xapi;
  let session = '';
  let vm: VmRef;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xapi-console-'));
    // The storage is seen by the second host only: there the VM runs, and only there is its console.
    pool = await startXapi(folder, { hosts: 2, srs: [{ name: 'far', hosts: [1] }] });
    xapi = await openXapi({
      hosts: [pool.hosts[0]?.address ?? ''],
      credentials: () => Promise.resolve({ user: 'root', password: 'secret' }),
      onSession: (id) => void (session = id),
      trust: { fingerprints: pool.hosts.map(({ fingerprint }) => fingerprint) },
    });
    vm = await xapi.run('VM.clone', [(await xapi.all('VM'))[0]?.ref as VmRef, 'machine']);
    await xapi.call('VM.provision', vm);
    const [sr] = await xapi.all('SR');
    const vdi = pool.db.create('VDI', { SR: sr?.ref ?? '', virtual_size: '0' });
    pool.db.create('VBD', { VM: vm, VDI: vdi, userdevice: '0' });
    await xapi.call('VM.start', vm, false, false);
  });

  afterAll(async () => {
    await xapi.close();
    await pool.close();
    await rm(folder, { recursive: true });
  });

  beforeEach(() => {
    Object.assign(pool.faults.console, { splitAt: undefined, status: undefined, hang: false, pauseMs: 3 });
  });

  test('it is found on the host where the VM runs, and shows its screen', async () => {
    const rfb = await openRfb(await xapi.openConsole(vm));
    const picture = await rfb.capture();
    expect(picture).toMatchObject({ width: 64, height: 48 });
    expect(encodePng(picture).subarray(1, 4).toString()).toBe('PNG');
    rfb.press(keys.enter);
    await rfb.capture();
    expect(pool.consoleOf(vm).keys).toEqual([keys.enter]);
    expect(pool.log.filter(({ name }) => name === 'CONNECT /console').map(({ host }) => host)).toEqual([1]);
    rfb.close();
    expect((await xapi.screenshot(vm)).subarray(0, 2)).toEqual(Buffer.from([0xff, 0xd8]));
  });

  /** What the answer and the beginning of RFB are, and where the answer ends. */
  async function answerLength(): Promise<{ head: number; all: number }> {
    const text = await firstBytes(600);
    const head = text.indexOf('\r\n\r\n') + 4;
    return { head, all: head + 12 };
  }

  /** Asks as a client that does not care would, and returns what comes in so many milliseconds. */
  function firstBytes(ms: number): Promise<string> {
    return withConsole(async (socket) => {
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      await sleep(ms);
      return text;
    });
  }

  async function withConsole<T>(work: (socket: ReturnType<typeof tlsConnect>) => Promise<T>): Promise<T> {
    const [name = '', port] = (pool.hosts[1]?.address ?? '').split(':');
    const { uuid } = pool.db.get('VM', vm) as { uuid: string };
    // The test looks at bytes, not at who sends them.
    const socket = tlsConnect({ host: name, port: Number(port), rejectUnauthorized: false });
    try {
      await new Promise((resolve) => socket.once('secureConnect', resolve));
      socket.write(`CONNECT /console?uuid=${uuid} HTTP/1.0\r\nCookie: session_id=${session}\r\n\r\n`);
      return await work(socket);
    } finally {
      socket.destroy();
    }
  }

  /** What clients do that read once, and take what they read next for RFB: `error parsing ProtocolVersion`, or they hang. */
  function readOnce(patienceMs: number): Promise<'works' | 'error parsing ProtocolVersion' | 'hangs'> {
    return withConsole(async (socket) => {
      await new Promise((resolve) => socket.once('data', resolve));
      let rest = '';
      socket.on('data', (chunk: Buffer) => (rest += chunk.toString('latin1')));
      for (let waited = 0; rest.length < 12 && waited < patienceMs; waited += 5) await sleep(5);
      if (rest.length < 12) return 'hangs';
      return /^RFB \d{3}\.\d{3}\n/.test(rest) ? 'works' : 'error parsing ProtocolVersion';
    });
  }

  test('an answer that comes in pieces, cut anywhere, is understood', async () => {
    const { head, all } = await answerLength();
    expect(head).toBeGreaterThan(60);
    let understood = 0;
    for (let at = 1; at < all; at += 1) {
      pool.faults.console.splitAt = [at];
      const rfb = await openRfb(await xapi.openConsole(vm));
      expect(rfb.name).toBe('QEMU (test)');
      rfb.close();
      understood += 1;
    }
    expect(understood).toBe(all - 1);
  });

  test('also byte by byte, and all at once', async () => {
    const { all } = await answerLength();
    for (const splitAt of [Array.from({ length: all - 1 }, (_, at) => at + 1), []]) {
      Object.assign(pool.faults.console, { splitAt, pauseMs: 1 });
      const rfb = await openRfb(await xapi.openConsole(vm));
      expect((await rfb.capture()).width).toBe(64);
      rfb.close();
    }
  });

  test('a client that reads once fails on them: with "error parsing ProtocolVersion", or for ever', async () => {
    const { head } = await answerLength();
    pool.faults.console.pauseMs = 40;
    pool.faults.console.splitAt = [head - 2];
    expect(await readOnce(1000)).toBe('error parsing ProtocolVersion');
    pool.faults.console.splitAt = [];
    expect(await readOnce(300)).toBe('hangs');
    pool.faults.console.splitAt = [head];
    expect(await readOnce(1000)).toBe('works');
  });

  test.each([
    [503, 'TARGET_FAILED', 'HTTP 503 Connection Limit Exceeded'],
    [500, 'TARGET_FAILED', 'HTTP 500 Internal Error'],
    [404, 'TARGET_FAILED', 'HTTP 404 Not Found'],
    [401, 'TARGET_DENIED', 'HTTP 401 Unauthorised'],
  ] as const)('a page with status %i is not taken for a console', async (status, code, words) => {
    pool.faults.console.status = status;
    await expect(xapi.openConsole(vm)).rejects.toMatchObject({ code, message: expect.stringContaining(words) });
  });

  test('a session that was forgotten is renewed', async () => {
    pool.expireSessions();
    const rfb = await openRfb(await xapi.openConsole(vm));
    rfb.close();
  });

  test('a host that does not answer is not waited for', async () => {
    pool.faults.console.hang = true;
    await expect(xapi.openConsole(vm, { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining('did not hand out the console within 0.2 s'),
    });
    const cancel = new AbortController();
    setTimeout(() => cancel.abort(), 50);
    await expect(xapi.openConsole(vm, { signal: cancel.signal })).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  test('a guest that is rebooted is looked at again', async () => {
    const watch = watchConsole(() => xapi.openConsole(vm), { absenceMs: 20_000 });
    expect((await watch.capture()).width).toBe(64);
    pool.faults.console.status = 500;
    pool.cutConsoles();
    setTimeout(() => (pool.faults.console.status = undefined), 300);
    expect((await watch.capture()).width).toBe(64);
    watch.close();
  });

  test('a VM that does not run has no console', async () => {
    const halted = await xapi.run('VM.clone', [(await xapi.all('VM'))[0]?.ref as VmRef, 'halted']);
    await expect(xapi.openConsole(halted)).rejects.toMatchObject({
      code: 'CONFLICT',
      message: 'The VM "halted" has no console: it is halted',
    });
  });
});
