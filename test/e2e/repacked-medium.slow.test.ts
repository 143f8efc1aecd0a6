import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { debian } from '../../src/distros/index.ts';
import { readProgress } from '../../src/engines/installer/read-progress.ts';
import { renderAnswers } from '../../src/engines/shared/answers/render-answers.ts';
import { repackIso } from '../../src/engines/shared/answers/repack-iso.ts';
import { findRelease } from '../../src/model/distro.ts';
import type { StepContext } from '../../src/model/step.ts';
import { digestOfFile } from '../../src/util/digest.ts';
import { exec } from '../../src/util/exec.ts';
import { Scope } from '../../src/util/scope.ts';
import { qemu } from '../../src/vms/index.ts';
import { answersRequest } from '../answers-request.ts';
import { hasTool, needs } from '../tools.ts';
import { machineTools, minutes } from './machine-bench.ts';

const images = '/usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64';
const isolinux = { loader: '/usr/lib/ISOLINUX/isolinux.bin', module: '/usr/lib/syslinux/modules/bios/ldlinux.c32' };
const grub = ['grub-mkrescue', 'mcopy', '/usr/lib/grub/i386-pc/boot.img', '/usr/lib/grub/x86_64-efi/moddep.lst'];

/**
 * A medium with the kernel and initial ramdisk of Debian's own network installer, repacked with our answers, is put into the drive of
 * an empty machine: it must start by itself and read them, by each firmware. Its own menu would wait for ever.
 */
describe.skipIf(needs(...machineTools, 'xorriso', ...grub, `${images}/linux`, `${images}/initrd.gz`))('a repacked medium', () => {
  let folder: string;
  let ctx: StepContext;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'repacked-'));
    const workdir = join(folder, 'work');
    await mkdir(workdir);
    const signal = new AbortController().signal;
    ctx = {
      workdir,
      cacheDir: join(folder, 'cache'),
      offline: true,
      force: false,
      signal,
      scope: new Scope(),
      emit: () => undefined,
    };
  });
  afterEach(async () => {
    await ctx.scope.close();
    expect(await readdir(ctx.workdir)).toEqual([]);
    await rm(folder, { recursive: true, force: true });
  });

  /** The tree of a medium whose menus wait for somebody. */
  async function stockTree(menu: string, text: string): Promise<string> {
    const tree = join(folder, 'tree');
    for (const path of ['install.amd', join(menu, '..')]) await mkdir(join(tree, path), { recursive: true });
    await copyFile(`${images}/linux`, join(tree, 'install.amd/vmlinuz'));
    await copyFile(`${images}/initrd.gz`, join(tree, 'install.amd/initrd.gz'));
    await writeFile(join(tree, menu), text);
    return tree;
  }

  const media: Record<string, () => Promise<string>> = {
    async grub() {
      const tree = await stockTree(
        'boot/grub/grub.cfg',
        'menuentry stock { linux /install.amd/vmlinuz\ninitrd /install.amd/initrd.gz }\n',
      );
      const iso = join(folder, 'stock.iso');
      await exec(['grub-mkrescue', '-o', iso, tree, '--', '-volid', 'Debian 12 amd64 n'], { env: { TMPDIR: folder } });
      return iso;
    },
    /** As Debian's own media start by BIOS. */
    async isolinux() {
      const tree = await stockTree('isolinux/isolinux.cfg', 'prompt 1\nlabel stock\n  kernel /install.amd/vmlinuz\n');
      await copyFile(isolinux.loader, join(tree, 'isolinux/isolinux.bin'));
      await copyFile(isolinux.module, join(tree, 'isolinux/ldlinux.c32'));
      const iso = join(folder, 'stock.iso');
      const boot = [
        '-b',
        'isolinux/isolinux.bin',
        '-c',
        'isolinux/boot.cat',
        '-no-emul-boot',
        '-boot-load-size',
        '4',
        '-boot-info-table',
      ];
      await exec(['xorriso', '-as', 'mkisofs', '-quiet', '-r', '-V', 'Debian 12 amd64 n', ...boot, '-o', iso, tree]);
      return iso;
    },
  };

  const ways: [medium: string, firmware: 'bios' | 'uefi'][] = [
    ['grub', 'bios'],
    ['grub', 'uefi'],
  ];
  if (hasTool(isolinux.loader) && hasTool(isolinux.module)) ways.push(['isolinux', 'bios']);

  test.each(ways)(
    'with %s starts by %s, and its installer reads our answers',
    { timeout: 20 * minutes },
    async (kind, firmware) => {
      const installer = findRelease(debian, '12')?.installer;
      const iso = await media[kind]?.();
      if (!installer || iso === undefined) throw new Error('unknown');
      const answers = renderAnswers(answersRequest('debian-installer', { mirror: 'http://10.0.2.2:9/debian' }));
      const kernelArguments = [...new Set([...installer.arguments, ...answers.kernelArguments])];
      const repacked = await repackIso({ iso, digest: await digestOfFile(iso), installer, answers, kernelArguments }, ctx);
      const disk = join(folder, 'disk.raw');
      await exec(['qemu-img', 'create', '-q', '-f', 'raw', disk, '4G']);
      const machine = await qemu.startBuild(
        {
          name: `repacked-${firmware}`,
          disk: { path: disk, format: 'raw' },
          discs: [repacked],
          firmware,
          acceleration: await qemu.prove(ctx),
          memoryMiB: 1024,
          cpus: 2,
          failureDir: join(folder, 'failures'),
        },
        ctx,
      );
      const started = Date.now();
      const until = async (isSeen: () => boolean): Promise<void> => {
        while (!isSeen()) {
          const said = machine.console.text().slice(-2000);
          expect(machine.ended(), said).toBeUndefined();
          expect(Date.now() - started, said).toBeLessThan(15 * minutes);
          await sleep(500);
        }
      };
      const log = (): string => machine.log.text();
      await until(() => log().includes('preseed: successfully loaded preseed file from file:///preseed.cfg'));
      // It goes on with what they say, to the network and beyond, and asks nothing.
      const progress = (): ReturnType<typeof readProgress> =>
        readProgress('debian-installer', { console: machine.console.text(), log: log(), calls: [] });
      await until(() => !['start', 'answers'].includes(progress().phase));
      expect(progress().question).toBeUndefined();
      await machine.stop();
    },
  );
});
