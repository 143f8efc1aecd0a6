import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { type FakeScreen, patternScreen, rfbBanner, serveRfb } from '../../test/fakes/xapi/rfb-server.ts';
import { keepPictures, listPictures, readPicture } from './job-pictures.ts';

/** A console as QEMU has one: a socket in a folder, which speaks RFB. */
async function openConsole(path: string, screen: () => FakeScreen): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(rfbBanner);
    void serveRfb(socket, screen(), { keys: [], shared: [] });
  });
  await new Promise<void>((done) => server.listen(path, done));
  return server;
}

test('a screen is kept whenever it has changed, and read by its name alone', { timeout: 40_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pictures-'));
  const consoles = join(folder, 'consoles');
  let screen = patternScreen(64, 48);
  // There is no folder before there is a machine.
  const pictures = keepPictures(consoles, folder, 'job1');
  await mkdir(consoles);
  const server = await openConsole(join(consoles, 'clone-a.vnc'), () => screen);
  try {
    await vi.waitFor(async () => expect(await listPictures(folder, 'job1')).toHaveLength(1), { timeout: 15_000, interval: 100 });
    screen = patternScreen(80, 60);
    await vi.waitFor(async () => expect(await listPictures(folder, 'job1')).toHaveLength(2), { timeout: 15_000, interval: 100 });
    // One that does not change is there once.
    await new Promise((done) => setTimeout(done, 5000));
  } finally {
    await pictures.close();
    await new Promise((done) => server.close(done));
  }
  const kept = await listPictures(folder, 'job1');
  expect(kept.map(({ machine }) => machine)).toEqual(['clone-a', 'clone-a']);
  expect(kept[0]?.time.localeCompare(kept[1]?.time ?? '')).toBe(-1);
  const png = await readPicture(folder, 'job1', kept[1]?.name ?? '');
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([80, 60]);
  await expect(readPicture(folder, 'job1', '../1.jsonl')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(await listPictures(folder, 'job2')).toEqual([]);
  await rm(folder, { recursive: true });
});
