import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { createApp } from '../src/app.ts';
import { digestOfFile } from '../src/util/digest.ts';
import { exec } from '../src/util/exec.ts';
import { packerCases } from './packer-folders.ts';
import { needs } from './tools.ts';

/** An export whose medium answers by itself. That such a medium starts is shown by test/e2e/repacked-medium.slow.test.ts. */

const tools = ['xorriso', 'grub-mkrescue', 'mcopy', '/usr/lib/grub/i386-pc/boot.img', '/usr/lib/grub/x86_64-efi/moddep.lst'];

describe.skipIf(needs(...tools, 'ssh-keygen'))('gabarit packer export --repack', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'packer-repack-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function medium(name: string, paths: string[]): Promise<{ url: string; digest: string }> {
    const tree = join(folder, name);
    for (const path of paths) {
      await mkdir(dirname(join(tree, path)), { recursive: true });
      await writeFile(join(tree, path), 'stock\n');
    }
    const iso = `${tree}.iso`;
    await exec(['grub-mkrescue', '-o', iso, tree, '--', '-volid', 'STOCK'], { env: { TMPDIR: folder } });
    return { url: `file://${iso}`, digest: await digestOfFile(iso) };
  }

  async function exported(os: object, builder: string, source: object): Promise<string> {
    const place = packerCases.find((known) => known.builder === builder)?.options;
    const file = join(folder, `packed-${builder}.yaml`);
    const engine = { name: 'packer', options: { builder, ...place, source } };
    await writeFile(file, stringify({ name: `packed-${builder}`, extends: 'base', disk: { size: '10GiB' }, ...os, engine }));
    const to = join(folder, `exported-${builder}`);
    const app = await createApp({ cacheDir: join(folder, 'cache') });
    const wish = { builder, dialect: 'current' as const, folder: to, repack: true, offline: false, allowEndOfLife: false };
    await app.exportPacker(file, wish, new AbortController().signal);
    return to;
  }

  async function templateIn(path: string, builder: string): Promise<Record<string, unknown>> {
    const text = await readFile(join(path, 'build.pkr.json'), 'utf8');
    return (JSON.parse(text) as { source: Record<string, { image: Record<string, unknown> }> }).source[builder]?.image ?? {};
  }

  test('Debian: the medium lies in the folder, lets the key beside it in, and nothing is typed', async () => {
    const source = await medium('debian', ['install.amd/vmlinuz', 'install.amd/initrd.gz', 'boot/grub/grub.cfg']);
    const to = await exported({ distro: 'debian', release: '12' }, 'vsphere-iso', source);
    const image = await templateIn(to, 'vsphere-iso');
    expect(image).toMatchObject({ iso_url: 'medium.iso', iso_checksum: await digestOfFile(join(to, 'medium.iso')) });
    expect(image['iso_checksum']).not.toBe(source.digest);
    for (const setting of ['boot_command', 'http_directory', 'cd_files']) expect(image).not.toHaveProperty(setting);
    expect((await stat(join(to, 'build-key'))).mode & 0o777).toBe(0o600);
    const { stdout: publicKey } = await exec(['ssh-keygen', '-y', '-f', join(to, 'build-key')]);
    const initrd = join(folder, 'initrd');
    await exec(['xorriso', '-osirrox', 'on', '-indev', join(to, 'medium.iso'), '-extract', '/install.amd/initrd.gz', initrd]);
    expect(await readFile(initrd, 'latin1')).toContain(publicKey.trim().split(' ').slice(0, 2).join(' '));
    expect(await readFile(join(to, 'prepare.sh'), 'utf8')).not.toContain('ssh-keygen');
    expect(await readFile(join(to, 'README.md'), 'utf8')).toMatch(
      /answers of the installer are on `medium\.iso`.*nothing is typed/,
    );
    expect(await readdir(join(folder, 'cache/runs'))).toEqual([]);
  });

  test('Ubuntu: its kernel is told where the answers are', async () => {
    const source = await medium('ubuntu', ['casper/vmlinuz', 'casper/initrd', 'boot/grub/grub.cfg']);
    const to = await exported({ distro: 'ubuntu', release: '24.04' }, 'proxmox-iso', source);
    const menu = join(folder, 'grub.cfg');
    await exec(['xorriso', '-osirrox', 'on', '-indev', join(to, 'medium.iso'), '-extract', '/boot/grub/grub.cfg', menu]);
    expect(await readFile(menu, 'utf8')).toMatch(/linux \/casper\/vmlinuz autoinstall 'ds=nocloud;s=\/cdrom\/' /);
    expect(await templateIn(to, 'proxmox-iso')).not.toHaveProperty('boot_command');
  });

  test('where nothing would be typed, it is refused, and no folder is left', async () => {
    const source = { url: 'file:///none.iso', digest: `sha256:${'0'.repeat(64)}` };
    await expect(exported({ distro: 'rocky', release: '9' }, 'xenserver-iso', source)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('finds its answers by itself') as string,
    });
    await expect(exported({ distro: 'debian', release: '12' }, 'qemu', source)).rejects.toMatchObject({ code: 'USAGE' });
    expect((await readdir(folder)).filter((name) => /exported-(xen|qemu)/.test(name))).toEqual([]);
  });
});
