import { lstat, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeDeb, type SmallDeb } from '../../../test/small-debs.ts';
import { needs, needsRoot } from '../../../test/tools.ts';
import { describePackage, parseControl, type UnpackedPackage, writeDatabase } from './dpkg-database.ts';
import { extractPackage } from './extract.ts';
import { settleSharedPaths } from './settle.ts';
import { exec } from '../../util/exec.ts';

describe.skipIf(needs('dpkg-deb', 'dpkg-query', 'dpkg', 'tar') || needsRoot())('packages that were unpacked side by side', () => {
  let folder = '';
  let tree = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'settle-'));
    tree = join(folder, 'root');
    await mkdir(tree);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** Unpacks in the order given, settles in the order of `names`. */
  async function unpack(debs: SmallDeb[], order = debs.map(({ name }) => name)): Promise<UnpackedPackage[]> {
    const paths = new Map<string, string>();
    const unpacked = new Map<string, UnpackedPackage>();
    for (const deb of debs) {
      const { path, sha256 } = await makeDeb(folder, deb);
      paths.set(sha256, path);
      unpacked.set(deb.name, describePackage(await extractPackage(path, tree), sha256));
    }
    const packages = order.map((name) => unpacked.get(name) as UnpackedPackage);
    await settleSharedPaths(tree, packages, (sha256) => paths.get(sha256) ?? '');
    return packages;
  }
  const old: SmallDeb = { name: 'old', files: 'mkdir -p usr/share; echo old > usr/share/it; echo own > usr/share/old' };
  const heir: SmallDeb = {
    name: 'heir',
    fields: { Replaces: 'other, old (<< 2)' },
    files: 'mkdir -p usr/share; echo heir > usr/share/it; chmod 600 usr/share/it',
  };

  test.each([
    ['first', [old, heir]],
    ['last', [heir, old]],
  ])('leave a file to the one that replaces the other, whichever came %s', async (_, debs) => {
    const packages = await unpack(debs);
    expect(await readFile(join(tree, 'usr/share/it'), 'utf8')).toBe('heir\n');
    expect((await lstat(join(tree, 'usr/share/it'))).mode & 0o777).toBe(0o600);
    const lists = Object.fromEntries(
      packages.map(({ name, members }) => [name, members.some(({ path }) => path === '/usr/share/it')]),
    );
    expect(lists).toEqual({ heir: true, old: false });
    // Putting the file there again did not touch its folder.
    expect((await lstat(join(tree, 'usr/share'))).mtimeMs).toBe(Date.UTC(2026, 0, 2));
  });

  test('keep what the first said of a folder, whatever was unpacked last', async () => {
    const strict: SmallDeb = {
      name: 'strict',
      files: 'mkdir -p var/lib; chmod 700 var/lib; chown 3:4 var/lib; touch -d 2001-01-01T00:00:00Z var/lib',
    };
    const loose: SmallDeb = { name: 'loose', files: 'mkdir -p var/lib; chmod 755 var/lib' };
    for (const debs of [
      [strict, loose],
      [loose, strict],
    ]) {
      await unpack(debs, ['strict', 'loose']);
      const { mode, uid, gid, mtimeMs } = await lstat(join(tree, 'var/lib'));
      expect([mode & 0o777, uid, gid, mtimeMs]).toEqual([0o700, 3, 4, Date.UTC(2001, 0, 1)]);
    }
  });

  test('that both claim a file are refused, and named', async () => {
    const thief: SmallDeb = { name: 'thief', files: old.files };
    await expect(unpack([old, thief])).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      message: 'old and thief both bring /usr/share/it',
      hint: expect.stringContaining('Remove one of them') as unknown,
    });
  });

  test('have a database that dpkg takes for its own', async () => {
    const packages = await unpack([
      {
        name: 'conf',
        files: 'mkdir -p etc; echo "a b" > etc/conf.cfg',
        control: {
          conffiles: '/etc/conf.cfg\n',
          triggers: '# x\ninterest-noawait /usr/share/x\ninterest named\nactivate other\n',
        },
      },
      {
        name: 'lib',
        fields: { 'Multi-Arch': 'same', Depends: 'conf (>= 1)' },
        files: 'mkdir -p usr/lib; echo lib > usr/lib/lib.so',
        control: { postinst: '#!/bin/sh\nexit 0\n' },
      },
    ]);
    await writeDatabase(tree, packages);
    const dpkg = (...argv: string[]): Promise<string> =>
      exec([...argv.slice(0, 1), `--root=${tree}`, ...argv.slice(1)]).then(({ stdout }) => stdout);
    expect(await dpkg('dpkg-query', '--show', '--showformat=${binary:Package} ${db:Status-Status} ${Conffiles}\n')).toBe(
      `conf unpacked  /etc/conf.cfg ${(await exec(['md5sum', join(tree, 'etc/conf.cfg')])).stdout.slice(0, 32)}\nlib:amd64 unpacked \n`,
    );
    expect(await dpkg('dpkg-query', '--listfiles', 'lib:amd64')).toBe('/.\n/usr\n/usr/lib\n/usr/lib/lib.so\n');
    expect(await dpkg('dpkg-query', '--search', '/etc/conf.cfg')).toBe('conf: /etc/conf.cfg\n');
    const admin = join(tree, 'var/lib/dpkg');
    expect(await readFile(join(admin, 'triggers/File'), 'utf8')).toBe('/usr/share/x conf/noawait\n');
    expect(await readFile(join(admin, 'triggers/named'), 'utf8')).toBe('conf\n');
    expect((await lstat(join(admin, 'info/lib:amd64.postinst'))).mode & 0o777).toBe(0o755);
    // dpkg goes on from there.
    await exec([
      'dpkg',
      `--root=${tree}`,
      '--force-not-root',
      '--force-script-chrootless',
      '--configure',
      '--no-triggers',
      'conf',
    ]);
    expect(await dpkg('dpkg-query', '--show', '--showformat=${db:Status-Status}', 'conf')).toBe('installed');
    expect(await dpkg('dpkg', '--verify', 'conf')).toBe('');
  });
});

describe('a control stanza', () => {
  test('is read with folded fields and any case', () => {
    const fields = parseControl('Package: x\nDescription: short\n long\n .\n more\nVERSION:1:2\nEmpty:\n');
    expect(Object.fromEntries(fields)).toEqual({
      package: 'x',
      description: 'short\n long\n .\n more',
      version: '1:2',
      empty: '',
    });
  });
});
