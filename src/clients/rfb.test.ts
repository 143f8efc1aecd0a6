import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Duplex, duplexPair } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { inflateSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type ConsoleActivity, type FakeScreen, patternScreen, rfbBanner, serveRfb } from '../../test/fakes/xapi/rfb-server.ts';
import { needs } from '../../test/tools.ts';
import { killGroup, start } from '../util/exec.ts';
import { openQmp } from './qmp.ts';
import { encodePng, keys, openRfb, type Picture, watchConsole } from './rfb.ts';

/** A server at the other end of a stream. */
function serve(screen: FakeScreen = patternScreen()): { stream: Duplex; far: Duplex; activity: ConsoleActivity } {
  const [stream, far] = duplexPair();
  const activity: ConsoleActivity = { keys: [], shared: [] };
  far.write(rfbBanner);
  void serveRfb(far, screen, activity);
  return { stream, far, activity };
}

/** One end of a stream, with what the other end says. */
function saying(...parts: (string | Buffer)[]): Duplex {
  const [stream, far] = duplexPair();
  for (const part of parts) far.write(part);
  return stream;
}

function rgbOf({ width, height, pixels }: FakeScreen): Buffer {
  const rgb = Buffer.alloc(width * height * 3);
  for (let at = 0; at < width * height; at += 1) {
    rgb.set([pixels[at * 4 + 2] ?? 0, pixels[at * 4 + 1] ?? 0, pixels[at * 4] ?? 0], at * 3);
  }
  return rgb;
}

describe('a console', () => {
  test('shows its screen, is shared, and takes keys', async () => {
    const screen = patternScreen(70, 33);
    const { stream, activity } = serve(screen);
    const rfb = await openRfb(stream);
    expect(rfb.name).toBe('QEMU (test)');
    const [one, two] = await Promise.all([rfb.capture(), rfb.capture()]);
    expect(one).toMatchObject({ width: 70, height: 33 });
    expect(one.rgb.equals(rgbOf(screen))).toBe(true);
    expect(two.rgb.equals(one.rgb)).toBe(true);
    rfb.type('aZ\n');
    rfb.press(keys.control, keys.alt, keys.delete);
    await rfb.capture();
    expect(activity).toEqual({ keys: [0x61, keys.shift, 0x5a, keys.enter, keys.control, keys.alt, keys.delete], shared: [true] });
    rfb.close();
    expect(rfb.isOpen).toBe(false);
    expect(() => rfb.press(keys.enter)).toThrow(expect.objectContaining({ code: 'TARGET_UNREACHABLE' }));
  });

  test('that says something else is quoted', async () => {
    const html = '<html><body><h1>HTTP 500 internal server error</h1>';
    await expect(openRfb(saying(html))).rejects.toMatchObject({
      code: 'TARGET_FAILED',
      message: `The console does not speak RFB 3: it says ${JSON.stringify(html.slice(0, 12))}`,
    });
  });

  test('that says nothing is not waited for', async () => {
    await expect(openRfb(saying('RFB 003.'), { timeoutMs: 100 })).rejects.toMatchObject({ code: 'TIMEOUT' });
    const cancel = new AbortController();
    const opening = openRfb(saying('RFB 003.'), { signal: cancel.signal });
    cancel.abort();
    await expect(opening).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  test('of RFB 3.3, as old guests have, is understood', async () => {
    const init = Buffer.from([0, 8, 0, 4, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0, 0, 0, 0, 2, 0x70, 0x76]);
    const rfb = await openRfb(saying('RFB 003.003\n', Buffer.from([0, 0, 0, 1]), init));
    expect(rfb.name).toBe('pv');
    rfb.close();
  });

  test('that refuses gives its reason; one that wants a password is refused', async () => {
    const reason = Buffer.from('\0\0\0\0\x08too many', 'latin1');
    await expect(openRfb(saying(rfbBanner, reason))).rejects.toMatchObject({
      code: 'TARGET_DENIED',
      message: 'The console refuses us: too many',
    });
    await expect(openRfb(saying(rfbBanner, Buffer.from([1, 2])))).rejects.toMatchObject({
      code: 'TARGET_DENIED',
      message: expect.stringContaining('password'),
    });
  });

  test('with an impossible size, or parts that lie outside, is refused', async () => {
    const greeting = [rfbBanner, Buffer.from([1, 1, 0, 0, 0, 0])] as const;
    const format = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    const huge = openRfb(saying(...greeting, Buffer.from([255, 255, 255, 255, ...format])));
    await expect(huge).rejects.toMatchObject({ code: 'TARGET_FAILED', message: expect.stringContaining('65535x65535') });
    const outside = Buffer.from([0, 0, 0, 1, 0, 9, 0, 0, 0, 8, 0, 4, 0, 0, 0, 0]);
    const rfb = await openRfb(saying(...greeting, Buffer.from([0, 8, 0, 4, ...format]), outside));
    await expect(rfb.capture()).rejects.toMatchObject({ code: 'TARGET_FAILED', message: expect.stringContaining('8x4 at 9,0') });
  });

  test('that goes away while the guest is rebooted is opened again', async () => {
    const servers = [serve(patternScreen(64, 48)), serve(patternScreen(80, 25))];
    let opened = 0;
    const watch = watchConsole(async () => {
      const next = servers[opened];
      opened += 1;
      // The first time after the reboot there is no console yet.
      if (opened === 2) servers.splice(1, 0, servers[1] as (typeof servers)[0]);
      if (opened === 2 || !next) throw Object.assign(new Error('not yet'), {});
      return next.stream;
    });
    expect(await watch.capture()).toMatchObject({ width: 64, height: 48 });
    servers[0]?.far.destroy();
    await sleep(20);
    await expect(watch.type('x')).rejects.toThrow('not yet');
    await watch.type('x');
    expect(await watch.capture()).toMatchObject({ width: 80, height: 25 });
    expect(servers[1]?.activity.keys).toEqual([0x78]);
    watch.close();
  });
});

/** The pixels of a PNG without filters. */
function pixelsOf(png: Buffer): { width: number; height: number; rgb: Buffer } {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const data = inflateSync(png.subarray(png.indexOf('IDAT') + 4));
  const rows = Array.from({ length: height }, (_, y) => data.subarray(y * (width * 3 + 1) + 1, (y + 1) * (width * 3 + 1)));
  return { width, height, rgb: Buffer.concat(rows) };
}

/** Reads the picture that QEMU itself makes. */
function ppm(bytes: Buffer): Picture {
  const [, width, height] = /^P6\n(\d+) (\d+)\n255\n/.exec(bytes.toString('latin1', 0, 40)) ?? [];
  const size = Number(width) * Number(height) * 3;
  return { width: Number(width), height: Number(height), rgb: bytes.subarray(bytes.length - size) };
}

describe.skipIf(needs('qemu-system-x86_64'))('against a real QEMU', () => {
  test('the picture is the one that QEMU makes of the same screen', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rfb-'));
    const socket = join(folder, 'vnc');
    const child = start(
      [
        'qemu-system-x86_64',
        '-nodefaults',
        '-machine',
        'accel=tcg',
        '-m',
        '64',
        '-vga',
        'std',
        '-display',
        'none',
        '-boot',
        'menu=on',
        '-vnc',
        `unix:${socket}`,
        '-chardev',
        'socket,id=m,fd=3',
        '-mon',
        'chardev=m,mode=control',
      ],
      { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] },
    );
    try {
      const qmp = await openQmp(child.stdio[3] as Duplex);
      const rfb = await openRfb(connectSocket(socket));
      expect(rfb.name).toMatch(/^QEMU/);
      // Until the firmware has written something.
      const isDark = ({ rgb }: Picture): boolean => rgb.every((byte) => byte === 0);
      for (let attempt = 0; attempt < 200 && isDark(await rfb.capture()); attempt += 1) await sleep(50);
      await qmp.execute('stop');
      await sleep(100);
      const picture = await rfb.capture();
      const path = join(folder, 'screen.ppm');
      await qmp.execute('screendump', { filename: path });
      const own = ppm(await readFile(path));
      expect(isDark(own)).toBe(false);
      expect([picture.width, picture.height]).toEqual([own.width, own.height]);
      expect(picture.rgb.equals(own.rgb)).toBe(true);
      expect(pixelsOf(encodePng(picture)).rgb.equals(own.rgb)).toBe(true);
      rfb.close();
    } finally {
      await killGroup(child);
      await rm(folder, { recursive: true });
    }
  });
});
