import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type DeployWorld, deployWorld } from '../../test/deploy-world.ts';
import { needs } from '../../test/tools.ts';
import { keys, openRfb, type Rfb } from '../clients/rfb.ts';
import { openXapi, type VmRef, type Xapi } from '../clients/xapi.ts';
import { photographConsole, type ServeConsole, serveConsole } from './machine-console.ts';

describe.skipIf(needs('openssl'))('the console of a machine on a pool', () => {
  let world: DeployWorld;
  let xapi: Xapi;
  let vm: VmRef;

  beforeAll(async () => {
    world = await deployWorld();
    const { pool } = world;
    xapi = await openXapi({
      hosts: [pool.hosts[0]?.address ?? ''],
      credentials: async () => ({ user: pool.user, password: pool.password }),
      trust: { fingerprints: pool.hosts.map(({ fingerprint }) => fingerprint) },
    });
    vm = await machine('web-1');
    await xapi.call('VM.start', vm, false, false);
    await machine('halted');
    await machine('twin');
    await machine('twin');
  });
  afterAll(async () => {
    await xapi.close();
    await world[Symbol.asyncDispose]();
  });
  afterEach(() => {
    // Nobody stays logged in but the test itself.
    expect(world.pool.sessions()).toHaveLength(1);
  });

  async function machine(name: string): Promise<VmRef> {
    const made = await xapi.run('VM.clone', [(await xapi.all('VM'))[0]?.ref as VmRef, name]);
    await xapi.call('VM.provision', made);
    return made;
  }

  const lab = (name: string): { target: string; machine: string } => ({ target: 'lab', machine: name });
  const never = (): AbortSignal => new AbortController().signal;

  /** Serves it while `work` goes on. */
  async function served(
    work: (port: number) => Promise<void>,
    { viewOnly = false, machine: name = 'web-1' }: Partial<ServeConsole> = {},
  ): Promise<void> {
    const end = new AbortController();
    let failure: unknown;
    const done = serveConsole(
      {
        ...lab(name),
        port: 0,
        viewOnly,
        onServing: ({ port }) =>
          void work(port)
            .catch((error: unknown) => (failure = error))
            .finally(() => end.abort()),
      },
      world.services,
      end.signal,
    );
    await done;
    if (failure !== undefined) throw failure;
  }

  const view = (port: number): Promise<Rfb> => openRfb(connect(port, '127.0.0.1'));

  test('is photographed by the name or the UUID of the machine', async () => {
    const png = await photographConsole(lab('web-1'), world.services, never());
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([64, 48]);
    const { uuid } = await xapi.call('VM.get_record', vm);
    expect(await photographConsole(lab(uuid), world.services, never())).toEqual(png);
  });

  test('is brought to several viewers, whose keys arrive', async () => {
    await served(async (port) => {
      const [one, other] = [await view(port), await view(port)];
      expect(await one.capture()).toEqual(await other.capture());
      other.press(keys.enter);
      await other.capture();
      expect(world.pool.consoleOf(vm).keys).toEqual([keys.enter]);
      one.close();
      expect(await other.capture()).toMatchObject({ width: 64, height: 48 });
    });
  });

  test('is only looked at on request', async () => {
    const before = [...world.pool.consoleOf(vm).keys];
    await served(
      async (port) => {
        const rfb = await view(port);
        rfb.press(keys.enter);
        expect(await rfb.capture()).toMatchObject({ width: 64, height: 48 });
        expect(world.pool.consoleOf(vm).keys).toEqual(before);
      },
      { viewOnly: true },
    );
  });

  test('ends for a viewer when the guest is rebooted, who may come again; at the end no port is left', async () => {
    let used = 0;
    await served(async (port) => {
      used = port;
      const rfb = await view(port);
      await rfb.capture();
      world.pool.cutConsoles();
      const deadline = Date.now() + 5000;
      while (rfb.isOpen && Date.now() < deadline) await sleep(10);
      expect(rfb.isOpen).toBe(false);
      expect(await (await view(port)).capture()).toMatchObject({ width: 64 });
    });
    await expect(view(used)).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' });
  });

  test.each([
    ['one that does not run', lab('halted'), 'CONFLICT', /"halted" has no console: it is halted/],
    ['one that is not there', lab('wbe-1'), 'NOT_FOUND', /lab has no machine "wbe-1"; did you mean "web-1"\?/],
    ['a name of two', lab('twin'), 'CONFLICT', /lab has 2 machines called "twin"/],
    ['another target', { target: 'lib', machine: 'web-1' }, 'USAGE', /No target "lib" is configured; did you mean "lab"\?/],
  ])('%s is an error at once', async (_, request, code, message) => {
    const failure = { code, message: expect.stringMatching(message) as string };
    await expect(photographConsole(request, world.services, never())).rejects.toMatchObject(failure);
    const serving = serveConsole({ ...request, port: 0, viewOnly: false, onServing: () => undefined }, world.services, never());
    await expect(serving).rejects.toMatchObject(failure);
  });

  test('a port that is taken is an error', async () => {
    await served(async (port) => {
      const again = serveConsole({ ...lab('web-1'), port, viewOnly: false, onServing: () => undefined }, world.services, never());
      await expect(again).rejects.toMatchObject({
        code: 'CONFLICT',
        message: `The port ${port} cannot be listened on: it is taken`,
      });
    });
  });
});
