import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { guestChecks, rootfsChecks } from '../../src/checks/index.ts';
import { openImage } from '../../src/disk/open-image.ts';
import { raw } from '../../src/formats/raw.ts';
import type { Manifest } from '../../src/model/manifest.ts';
import type { Plan } from '../../src/model/plan.ts';
import type { Verdict } from '../../src/model/check.ts';
import type { StepContext } from '../../src/model/step.ts';
import { exec } from '../../src/util/exec.ts';
import { Scope } from '../../src/util/scope.ts';
import { qemu } from '../../src/vms/index.ts';
import { needs } from '../tools.ts';
import { type BuiltImage, builtImage, removeBuiltImages } from './built-image.ts';
import { stillAlive } from './gabarit-process.ts';
import { machineTools, minutes, startOne } from './machine-bench.ts';
import { emptyDisk, packerWorld, type PackerWorld, serveSigned } from './packer-world.ts';

function contextIn({ cacheDir }: PackerWorld, workdir: string, scope: Scope): StepContext {
  const signal = new AbortController().signal;
  return { workdir, cacheDir, offline: true, force: false, signal, scope, emit: () => undefined };
}

/** The real Packer builds on an image that the bootstrap engine made: served and signed as a vendor does, provisioned over SSH. */
describe.skipIf(needs('packer', 'gpg', 'gpgv', ...machineTools))('a build by Packer', () => {
  let world: PackerWorld;
  let base: BuiltImage;
  let served: Awaited<ReturnType<typeof serveSigned>>;
  beforeAll(async () => {
    world = await packerWorld();
    base = await builtImage('debian-12-minimal');
    served = await serveSigned(base.disk, world.folder);
  }, 15 * minutes);
  afterEach(async () => {
    expect(await stillAlive(world.folder)).toEqual([]);
  });
  afterAll(async () => {
    await served.close();
    await removeBuiltImages();
    await world.remove();
  });

  const folderOf = async (name: string): Promise<string> => {
    const versions = (await readdir(join(world.outputDir, name))).filter((version) => /^\d/.test(version));
    expect(versions).toHaveLength(1);
    return join(world.outputDir, name, versions[0] ?? '');
  };

  test('passes the checks of the bootstrap engine, offline and booted', { timeout: 75 * minutes }, async () => {
    const file = await world.define('packed', served.source, { sshTimeoutMinutes: 60 });
    const build = world.build([file]);
    expect(await build.ended, build.stderr.join('\n')).toBe(0);
    const folder = await folderOf('packed');
    const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as Manifest;
    expect(manifest.build.tools).toMatchObject({ packer: expect.any(String) as string, qemu: expect.any(String) as string });
    expect(manifest.checks.fail).toBe(0);
    const { verdicts } = JSON.parse(await readFile(join(folder, 'checks.json'), 'utf8')) as { verdicts: Verdict[] };
    const verdictOf = (id: string): string[] => verdicts.filter(({ check }) => check === id).map(({ status }) => status);
    // Each that the bootstrap engine's image passes, but for the lock that there is none of.
    for (const id of [
      'no-build-user',
      'free-space-zero',
      'host-keys-absent',
      'logs-empty',
      'random-seeds-absent',
      'secrets-absent',
    ])
      expect(verdictOf(id), id).toEqual(['pass']);
    expect(verdictOf('packages-as-locked')).toEqual(['skip']);

    const plan = JSON.parse(await readFile(join(folder, 'plan.json'), 'utf8')) as Plan;
    expect(plan.medium).toMatchObject({
      kind: 'image',
      signed: { fingerprint: expect.stringMatching(/^[0-9A-F]{40}$/) as string },
    });
    await using scope = new Scope();
    const workdir = join(world.folder, 'boot');
    await mkdir(workdir);
    const ctx = contextIn(world, workdir, scope);
    const { signal } = ctx;
    const image: BuiltImage = { disk: join(folder, 'disk.qcow2'), format: 'qcow2', plan };
    const machine = await startOne({ image, folder: world.folder, ctx }, image, 'bios', true);
    const guest = await machine.login();
    const failed: string[] = [];
    for (const check of guestChecks.filter(({ restarts }) => restarts !== true)) {
      for (const { status, message } of await check.run(guest, { signal }))
        if (status === 'fail') failed.push(`${check.id}: ${message}`);
    }
    await machine.stop();
    expect(failed).toEqual([]);
  });

  test('a failed upload builds nothing again', { timeout: 10 * minutes }, async () => {
    const folder = await folderOf('packed');
    const publish = ['publish', folder, '--store', 'http://127.0.0.1:9/nowhere'];
    const main = join(import.meta.dirname, '../../src/cli/main.ts');
    const env = { GABARIT_CACHE: world.cacheDir, GABARIT_OUT: world.outputDir };
    const failed = await exec([process.execPath, main, ...publish], { env, okExitCodes: [1, 2, 5, 7, 8] });
    expect(failed.exitCode).not.toBe(0);
    await rm(join(world.outputDir, 'packed'), { recursive: true });
    const again = world.build([join(world.folder, 'packed.yaml')]);
    expect(await again.ended, again.stderr.join('\n')).toBe(0);
    const said = JSON.stringify(again.lines);
    expect(said).not.toContain('"step":"machine"');
    expect(said).not.toContain('Waiting for SSH');
    await folderOf('packed');
  });

  test('an exported folder makes an image by hand, as its README says, that passes the offline checks', {
    timeout: 75 * minutes,
  }, async () => {
    const file = await world.define('exported', served.source, { sshTimeoutMinutes: 60 });
    const app = await createApp({ cacheDir: world.cacheDir });
    const signal = new AbortController().signal;
    const folder = join(world.folder, 'by-hand');
    const wish = { offline: false, allowEndOfLife: false };
    await app.exportPacker(file, { ...wish, builder: 'qemu', dialect: '1.6', folder }, signal);
    const told = /```sh\n([\s\S]*?)```/.exec(await readFile(join(folder, 'README.md'), 'utf8'))?.[1] ?? '';
    expect(told.trim().split('\n')).toEqual(['sh prepare.sh', 'packer build .']);
    const workdir = join(world.folder, 'work');
    await mkdir(workdir);
    await using scope = new Scope();
    const kvm = await qemu.prove(contextIn(world, workdir, scope));
    await exec(['sh', '-eu', '-c', told], {
      cwd: folder,
      env: { HOME: world.folder, CHECKPOINT_DISABLE: '1', PKR_VAR_accelerator: kvm.accelerator },
      timeoutMs: 70 * minutes,
    });
    const plan = await app.plan(file, wish, signal);
    const image = await openImage(join(folder, 'output/disk.raw'), raw);
    const failed: string[] = [];
    try {
      for (const check of rootfsChecks) {
        const found = await check.run({ ...image.subject, plan, artifacts: {} }, { signal, quick: false });
        for (const { status, message } of found) if (status === 'fail') failed.push(`${check.id}: ${message}`);
      }
    } finally {
      await image.close();
    }
    expect(failed).toEqual([]);
  });

  test('two at once share the image and keep apart, and both pass', { timeout: 75 * minutes }, async () => {
    const before = served.asked.filter((path) => path === '/base.qcow2').length;
    const files = [
      await world.define('left', served.source, { sshTimeoutMinutes: 60 }, { timezone: 'Etc/UTC', description: 'left' }),
      await world.define('right', served.source, { sshTimeoutMinutes: 60 }, { description: 'right' }),
    ];
    const build = world.build(files, ['--jobs', '2']);
    expect(await build.ended, build.stderr.join('\n')).toBe(0);
    await Promise.all(['left', 'right'].map(folderOf));
    // Once for all builds: now, when no test before has brought it into the cache.
    expect(served.asked.filter((path) => path === '/base.qcow2')).toHaveLength(Math.max(before, 1));
  });

  test('a machine that never answers is told by its cause, and kept on request', { timeout: 5 * minutes }, async () => {
    const file = await world.define('silent', await emptyDisk(world.folder), { sshTimeoutMinutes: 1 });
    const build = world.build([file], ['--on-error', 'keep']);
    expect(await build.ended).toBe(8);
    const said = JSON.stringify(build.lines);
    expect(said).toContain('never answered by SSH');
    const login = /ssh -p (\d+) -i (\S+) /.exec(said);
    expect(login?.[2]).toContain(join(world.cacheDir, 'kept'));
    // It runs, until it is ended as the hint says.
    const alive = await stillAlive(world.folder, 0);
    const machine = alive.filter((line) => line.includes('qemu-system-x86_64 '));
    expect(machine).toHaveLength(1);
    expect(machine[0]).toContain(`hostfwd=tcp:127.0.0.1:${login?.[1] ?? ''}-:22`);
    for (const line of machine) process.kill(Number(line.split(' ')[0]), 'SIGTERM');
  });
});
