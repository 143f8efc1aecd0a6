import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createWebSocketStream, WebSocket } from 'ws';
import { type ApiWorld, makeApiWorld } from '../../test/api-world.ts';
import { needs } from '../../test/tools.ts';
import { openRfb } from '../clients/rfb/open.ts';
import { apiPrefix } from '../model/api/contract.ts';
import { killGroup, start } from '../util/exec.ts';

/** The screen of a real QEMU without a disk, whose BIOS says so on the screen, through the whole server. */

let world: ApiWorld;
let job = '';

beforeAll(async () => {
  world = await makeApiWorld();
  job = ((await world.call('POST /jobs', { body: { request: { kind: 'build', template: 'debian-12' } } })).body as { id: string })
    .id;
});

afterAll(async () => {
  await world.remove();
});

function open(path: string, headers: Record<string, string>): Promise<{ socket?: WebSocket; status: number }> {
  const socket = new WebSocket(`${world.url.replace('http', 'ws')}${apiPrefix}${path}`, { headers });
  return new Promise((resolve) => {
    socket.once('open', () => resolve({ socket, status: 101 }));
    socket.once('unexpected-response', (request, { statusCode = 0 }) => {
      request.destroy();
      resolve({ status: statusCode });
    });
    socket.on('error', () => resolve({ status: 0 }));
  });
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

describe.skipIf(needs('qemu-system-x86_64'))('the console of a machine', () => {
  test('is seen by who may, from this site only; keys go there in control only', { timeout: 60_000 }, async () => {
    const folder = join(world.folder, 'state/consoles', job);
    await mkdir(folder, { recursive: true });
    const machine = start(
      [
        'setpriv',
        '--pdeathsig',
        'KILL',
        'qemu-system-x86_64',
        '-machine',
        'q35',
        '-accel',
        'tcg',
        '-m',
        '64',
        '-nodefaults',
        '-vga',
        'std',
        '-display',
        'none',
        '-vnc',
        `unix:${join(folder, 'clone-a.vnc')},share=force-shared`,
      ],
      { stdio: ['ignore', 'ignore', 'ignore'] },
    );
    try {
      const path = `/jobs/${job}/consoles/clone-a`;
      for (let n = 0; n < 100 && ((await world.call(`GET /jobs/${job}/consoles`)).body as unknown[]).length === 0; n += 1)
        await sleep(100);
      expect((await world.call(`GET /jobs/${job}/consoles`)).body).toEqual([{ machine: 'clone-a' }]);
      const viewer = await world.user('viewer', [{ role: 'viewer', templates: '*', channels: '*' }]);
      const stranger = await world.user('stranger', [{ role: 'builder', templates: 'web-*', channels: '*' }]);

      expect((await open(path, {})).status).toBe(401);
      expect((await open(path, bearer(stranger))).status).toBe(404);
      expect((await open(`${path}?mode=control`, bearer(viewer))).status).toBe(403);
      expect((await open(path, { ...bearer(viewer), origin: 'https://evil.example' })).status).toBe(403);
      expect((await open(`/jobs/${job}/consoles/clone-b`, bearer(viewer))).status).toBe(404);
      expect((await open(`/jobs/${job}/consoles/..%2f..%2fx`, bearer(viewer))).status).toBe(400);
      const login = await world.call('POST /session', {
        as: null,
        body: { name: 'viewer', password: 'password of viewer is long' },
      });
      const cookie = (login.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
      // A browser sends its cookie to a WebSocket from any site.
      expect((await open(path, { cookie })).status).toBe(403);
      expect((await open(path, { cookie, origin: 'https://evil.example' })).status).toBe(403);
      const fromPage = await open(path, { cookie, origin: world.url });
      expect(fromPage.status).toBe(101);
      fromPage.socket?.terminate();

      // Raw bytes as our own client of RFB speaks them: it greets, and asks for the whole screen.
      const watching = await open(path, bearer(viewer));
      const rfb = await openRfb(createWebSocketStream(watching.socket as WebSocket), { timeoutMs: 20_000 });
      rfb.type('x'); // Left out on the way: the screen comes all the same.
      const picture = await rfb.capture();
      expect(picture.width).toBeGreaterThan(300);
      rfb.close();
      const png = await fetch(`${world.url}${apiPrefix}${path}/screenshot`, { headers: bearer(viewer) });
      expect(png.headers.get('content-type')).toBe('image/png');
      expect(
        Buffer.from(await png.arrayBuffer())
          .subarray(1, 4)
          .toString(),
      ).toBe('PNG');

      const control = await open(`${path}?mode=control`, bearer(world.token));
      const keys = await openRfb(createWebSocketStream(control.socket as WebSocket), { timeoutMs: 20_000 });
      keys.type('x');
      expect((await keys.capture()).width).toBeGreaterThan(300);
      keys.close();
    } finally {
      await killGroup(machine);
    }
    for (let n = 0; n < 50 && (await world.call(`GET /jobs/${job}/consoles/clone-a/screenshot`)).status === 200; n += 1)
      await sleep(100);
    expect((await world.call(`GET /jobs/${job}/consoles/clone-a/screenshot`)).status).toBe(404);
  });
});
