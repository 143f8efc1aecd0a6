import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { answersRequest } from '../../../../test/answers-request.ts';
import { needs } from '../../../../test/tools.ts';
import { cpioArchive } from '../../../disk/cpio-writer.ts';
import { debian, rocky, ubuntu } from '../../../distros/index.ts';
import type { Installer } from '../../../model/installer.ts';
import type { StepContext } from '../../../model/step.ts';
import { digestOfFile } from '../../../util/digest.ts';
import { exec } from '../../../util/exec.ts';
import { answersVolume, initrdWithAnswers } from './deliver.ts';
import type { AnsweredInstaller } from './answers.ts';
import { bootMenu } from './boot-menu.ts';
import { renderAnswers } from './render-answers.ts';
import { repackIso } from './repack-iso.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'repack-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const context = (): StepContext =>
  ({
    cacheDir: join(folder, 'cache'),
    workdir: folder,
    signal: new AbortController().signal,
    emit: () => undefined,
  }) as unknown as StepContext;

function installerOf(kind: AnsweredInstaller): Installer {
  const distro = { 'debian-installer': debian, subiquity: ubuntu, anaconda: rocky, autoyast: debian }[kind];
  const installer = distro.releases.at(-1)?.installer;
  if (!installer) throw new Error('no installer');
  return installer;
}

const padding = 'p'.repeat(2500);

/** A medium that starts by BIOS and UEFI, from a disc and from a stick, with the files of an installer. */
async function hybridIso(installer: Installer): Promise<string> {
  const tree = join(folder, 'tree');
  const menus = installer.deliver.flatMap((way) => (way.by === 'medium' ? way.menus : []));
  const initrd = gzipSync(cpioArchive({ init: '#!/bin/sh\n' }));
  const files: Record<string, string | Buffer> = {
    [installer.boot.kernel]: padding,
    [installer.boot.initrd]: initrd,
    '/pool/package.deb': padding,
  };
  for (const menu of menus) files[menu] = 'menuentry stock { true }\n';
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(tree, path, '..'), { recursive: true });
    await writeFile(join(tree, path), content);
  }
  const iso = join(folder, 'stock.iso');
  await exec(['grub-mkrescue', '-o', iso, tree, '--', '-volid', 'STOCK 12.0'], { env: { TMPDIR: folder } });
  return iso;
}

async function extract(iso: string, path: string): Promise<Buffer> {
  const to = join(folder, `extracted-${Math.random()}`);
  await exec(['xorriso', '-osirrox', 'on', '-indev', iso, '-extract', path, to]);
  return readFile(to);
}

/** What starts it: boot images of El Torito, and what lies before the file system for sticks. Without the places, which may move. */
async function bootRecords(iso: string): Promise<string[]> {
  const reports = await Promise.all(
    ['-report_el_torito', '-report_system_area'].map(
      async (report) => (await exec(['xorriso', '-indev', iso, report, 'plain'])).stdout,
    ),
  );
  return (
    reports
      .join('')
      .split('\n')
      .filter((line) => /^(El Torito (boot img|img path|img opts)|System area (summary|options)|MBR|GPT type GUID)/.test(line))
      .map((line) => line.replace(/\b\d{2,}\b/g, 'N'))
      // Gaps are filled up with partitions of plain data.
      .filter((line) => !line.includes('a2a0d0ebe5b9334487c068b6b72699c7'))
      .toSorted()
  );
}

describe.skipIf(
  needs('xorriso', 'grub-mkrescue', 'mcopy', '/usr/lib/grub/i386-pc/boot.img', '/usr/lib/grub/x86_64-efi/moddep.lst'),
)('a repacked hybrid medium', () => {
  test.each(['debian-installer', 'subiquity', 'anaconda'] as const)(
    'of %s starts as before, and installs by itself',
    async (kind) => {
      const installer = installerOf(kind);
      const stock = await hybridIso(installer);
      const before = await bootRecords(stock);
      expect(before.filter((line) => line.startsWith('El Torito boot img'))).toHaveLength(2);
      const answers = renderAnswers(answersRequest(kind));
      const kernelArguments = [...installer.arguments, ...answers.kernelArguments];
      const request = { iso: stock, digest: await digestOfFile(stock), installer, answers, kernelArguments };
      const path = await repackIso(request, context());
      expect(await bootRecords(path)).toEqual(before);
      const { stdout } = await exec(['xorriso', '-indev', path, '-pvd_info']);
      expect(stdout).toMatch(/Volume Id\s+: *STOCK 12\.0/);
      expect((await extract(path, '/pool/package.deb')).toString()).toBe(padding);
      const menu = (await extract(path, '/boot/grub/grub.cfg').catch(() => extract(path, '/EFI/BOOT/grub.cfg'))).toString();
      expect(menu).toMatch(/set timeout=1/);
      expect(menu).not.toMatch(/stock \{|\{volumeId\}/);
      if (kind === 'anaconda') expect(menu).toContain("'inst.stage2=hd:LABEL=STOCK 12.0'");
      if (kind !== 'debian-installer') {
        for (const { name, text } of answers.files) expect((await extract(path, `/${name}`)).toString()).toBe(text);
        return;
      }
      const initrd = await extract(path, installer.boot.initrd);
      const stockInitrd = await extract(stock, installer.boot.initrd);
      expect(initrd.subarray(0, stockInitrd.length).equals(stockInitrd)).toBe(true);
      expect(gunzipSync(stockInitrd).length).toBeGreaterThan(0);
      expect(initrd.toString('latin1')).toContain('partman-auto/disk');
    },
  );

  test('comes from the cache the second time, and differs with the answers', async () => {
    const installer = installerOf('debian-installer');
    const iso = await hybridIso(installer);
    const digest = await digestOfFile(iso);
    const ask = (publicKey: string): Promise<string> =>
      repackIso(
        {
          iso,
          digest,
          installer,
          answers: renderAnswers(answersRequest('debian-installer', { publicKey })),
          kernelArguments: [],
        },
        context(),
      );
    const first = await ask('ssh-ed25519 AAAA one');
    const made = (await stat(first)).mtimeMs;
    expect(await ask('ssh-ed25519 AAAA one')).toBe(first);
    expect((await stat(first)).mtimeMs).toBe(made);
    expect(await ask('ssh-ed25519 AAAA two')).not.toBe(first);
  });

  test('a medium of another installer is refused, and nothing is left', async () => {
    const iso = await hybridIso(installerOf('subiquity'));
    const request = {
      iso,
      digest: await digestOfFile(iso),
      installer: installerOf('anaconda'),
      answers: renderAnswers(answersRequest('anaconda')),
      kernelArguments: [],
    };
    await expect(repackIso(request, context())).rejects.toMatchObject({
      code: 'IMAGE_INVALID',
      message: expect.stringContaining('/images/pxeboot/initrd.img') as string,
    });
    const left = await exec(['find', join(folder, 'cache'), '-name', '*.iso*', '!', '-name', '*.lock']);
    expect(left.stdout).toBe('');
  });
});

describe.skipIf(needs('xorriso'))('a volume of answers', () => {
  test.each([
    ['anaconda', 'OEMDRV', ['ks.cfg']],
    ['subiquity', 'cidata', ['meta-data', 'user-data']],
    ['autoyast', 'OEMDRV', ['autoinst.xml']],
  ] as const)('for %s is called %s', async (kind, label, names) => {
    const answers = renderAnswers(answersRequest(kind));
    expect(answers.delivery).toEqual({ by: 'volume', label });
    const iso = join(folder, 'answers.iso');
    await writeFile(iso, answersVolume(answers, label));
    const { stdout, stderr } = await exec(['xorriso', '-indev', iso, '-find', '/', '-type', 'f']);
    expect(stderr).toContain(`'${label}'`);
    expect(
      stdout
        .match(/[\w.-]+(?=')/g)
        ?.map((name) => name.toLowerCase())
        .toSorted(),
    ).toEqual(names);
    for (const { name, text } of answers.files)
      expect((await extract(iso, `/${name.toUpperCase()}`).catch(() => extract(iso, `/${name}`))).toString()).toBe(text);
  });
});

test('Linux finds the second archive behind one of any length', async () => {
  const answers = renderAnswers(answersRequest('debian-installer'));
  for (const length of [1, 2, 3, 4]) {
    const initrd = join(folder, 'initrd');
    await writeFile(initrd, Buffer.alloc(length, 'x'));
    await initrdWithAnswers(initrd, answers, `${initrd}.new`);
    const bytes = await readFile(`${initrd}.new`);
    expect(bytes.indexOf('070701') % 4).toBe(0);
    expect(bytes.subarray(0, length).toString()).toBe('x'.repeat(length));
  }
});

test('a semicolon stays part of the word in GRUB', () => {
  const entry = { kernel: '/vmlinuz', initrd: '/initrd', arguments: ["ds=nocloud;s=http://10.0.2.2/it's/"] };
  expect(bootMenu('/boot/grub/grub.cfg', entry)).toContain(`linux /vmlinuz 'ds=nocloud;s=http://10.0.2.2/it'\\''s/'`);
  expect(bootMenu('/isolinux/isolinux.cfg', entry)).toContain(`append initrd=/initrd ds=nocloud;s=http://10.0.2.2/it's/\n`);
});
