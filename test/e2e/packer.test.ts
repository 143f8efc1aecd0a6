import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findPacker } from '../../src/engines/packer/packer-version.ts';
import { needs } from '../tools.ts';
import { stillAlive } from './gabarit-process.ts';
import { emptyDisk, packerWorld, type PackerWorld } from './packer-world.ts';

/** The real Packer with the real QEMU, on a disk that never starts: everything but what a running machine does. */
const tools = ['packer', 'qemu-system-x86_64', 'qemu-img', 'setpriv', 'ssh-keygen', 'gpgv'];
const waiting = 'Waiting for SSH to become available...';

/** The process ids of Packer itself, and of the QEMU that it started, of one world. */
async function processes(folder: string): Promise<{ packer: number[]; qemu: number[] }> {
  const found = { packer: [] as number[], qemu: [] as number[] };
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (!command.includes(folder)) continue;
    const name = (command.split('\0')[0] ?? '').split('/').at(-1);
    if (name === 'packer' && command.includes('\0build\0')) found.packer.push(Number(pid));
    if (name === 'qemu-system-x86_64') found.qemu.push(Number(pid));
  }
  return found;
}

describe.skipIf(needs(...tools))('Packer', () => {
  let world: PackerWorld;
  beforeEach(async () => {
    world = await packerWorld();
  });
  afterEach(async () => {
    expect(await stillAlive(world.folder)).toEqual([]);
    await world.remove();
  });

  test('two builds at once have ports of their own and fetch their medium once; cancelled, both leave nothing', async () => {
    const source = await emptyDisk(world.folder);
    const files = [await world.define('one', source), await world.define('two', source)];
    const ports = new Set<string>();
    let waits = 0;
    const build = world.build(files, ['--jobs', '2'], (message, self) => {
      const port = /Found port for communicator \(.*\): (\d+)/.exec(message)?.[1];
      if (port !== undefined) ports.add(port);
      if (message === waiting && ++waits === 2) self.kill('SIGINT');
    });
    expect(await build.ended).toBe(130);
    expect(waits).toBe(2);
    expect(ports.size).toBe(2);
    expect((await readdir(join(world.cacheDir, 'media'))).filter((name) => name.endsWith('.qcow2'))).toHaveLength(1);
    expect(await readdir(join(world.cacheDir, 'runs'))).toEqual([]);
    expect(await readdir(join(world.cacheDir, 'layers/disk')).catch(() => [])).not.toContainEqual(
      expect.not.stringMatching(/\.lock$/),
    );
  });

  test('nobody can reach the machine from another host, and no secret is in an argument or the log', async () => {
    const file = await world.define('one', await emptyDisk(world.folder));
    let command = '';
    let key = '';
    const build = world.build([file], ['-v'], async (message, self) => {
      if (message !== waiting) return;
      const { qemu } = await processes(world.folder);
      command = await readFile(`/proc/${qemu[0] ?? 0}/cmdline`, 'utf8');
      const run = (await readdir(join(world.cacheDir, 'runs'))).find((name) => !name.endsWith('.lock')) ?? '';
      key = await readFile(join(world.cacheDir, 'runs', run, 'packer/build-key'), 'utf8');
      self.kill('SIGINT');
    });
    await build.ended;
    expect(command).toMatch(/hostfwd=tcp:127\.0\.0\.1:\d+-:22/);
    expect(command).not.toMatch(/hostfwd=tcp::/);
    expect(command).toContain('\0-vnc\0none\0');
    const body = key.split('\n').slice(1, -2);
    expect(body.length).toBeGreaterThan(2);
    const all = JSON.stringify(build.lines) + build.stderr.join('\n') + command;
    for (const line of body) expect(all).not.toContain(line);
  });

  test('a Packer that is killed takes its machine with it, and the next build sweeps what it left', async () => {
    const file = await world.define('one', await emptyDisk(world.folder));
    const killed = world.build([file], [], async (message) => {
      if (message !== waiting) return;
      for (const pid of (await processes(world.folder)).packer) process.kill(pid, 'SIGKILL');
    });
    expect(await killed.ended).toBe(1);
    expect(await stillAlive(world.folder)).toEqual([]);
    expect(await readdir(join(world.cacheDir, 'runs'))).toEqual([]);
  });

  test('when Gabarit itself is killed, Packer cleans up, and the next build sweeps the work folder', async () => {
    const file = await world.define('one', await emptyDisk(world.folder));
    const killed = world.build([file], [], (message, self) => {
      if (message === waiting) self.kill('SIGKILL');
    });
    expect(await killed.ended).toBe('SIGKILL');
    expect(await stillAlive(world.folder, 30)).toEqual([]);
    const next = world.build([file], [], (message, self) => {
      if (message === waiting) self.kill('SIGINT');
    });
    await next.ended;
    expect(JSON.stringify(next.lines)).toContain('Removed what an interrupted build left behind');
    expect(await readdir(join(world.cacheDir, 'runs'))).toEqual([]);
  });

  test('an image with another digest is refused before Packer starts', async () => {
    const { url } = await emptyDisk(world.folder);
    const file = await world.define('one', { url, digest: `sha256:${'0'.repeat(64)}` });
    const build = world.build([file]);
    expect(await build.ended).toBe(5);
    const said = JSON.stringify(build.lines);
    expect(said).toContain('DIGEST_MISMATCH');
    expect(said).not.toContain('Retrieving ISO');
  });

  test('an image that is larger than the disk is refused with what to do', async () => {
    const source = await emptyDisk(world.folder, '2G');
    const build = world.build([await world.define('one', source, {}, { disk: { size: '1GiB' } })]);
    expect(await build.ended).toBe(3);
    expect(JSON.stringify(build.lines)).toContain('Make disk.size at least as large as the image.');
  });
});

describe('which Packer', () => {
  const signal = new AbortController().signal;

  test('one that is absent: says how to get it', async () => {
    await expect(findPacker('packer-that-is-not-there', signal)).rejects.toMatchObject({
      code: 'TOOL_MISSING',
      hint: expect.stringContaining('apt-get install packer') as string,
    });
  });

  test.each([
    ['Packer v1.5.6', 'Packer 1.5.6 is too old'],
    ['Packer v1.6.5', 'Packer 1.6.5 is too old'],
    ['cracklib', 'is not Packer'],
  ])('%s', async (said, message) => {
    const world = await packerWorld();
    try {
      await mkdir(join(world.folder, 'bin'));
      const command = join(world.folder, 'bin/packer');
      await writeFile(command, `#!/bin/sh\necho "${said}"\n`);
      await chmod(command, 0o755);
      await expect(findPacker(command, signal)).rejects.toMatchObject({
        code: 'HOST_NOT_READY',
        message: expect.stringContaining(message) as string,
        hint: expect.stringContaining('apt-get install packer') as string,
      });
    } finally {
      await world.remove();
    }
  });

  test.skipIf(needs('packer'))('the one of this host', async () => {
    expect(await findPacker('packer', signal)).toMatchObject({ version: expect.stringMatching(/^\d+\.\d+\.\d+$/) as string });
  });
});
