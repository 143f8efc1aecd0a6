import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeDeb } from '../../../test/small-debs.ts';
import { needs, needsRoot } from '../../../test/tools.ts';
import { extractPackage, type Member, parseMember } from './extract.ts';

const day = Date.UTC(2026, 0, 2) / 1000;

describe.skipIf(needs('dpkg-deb', 'tar') || needsRoot())('unpacking a package', () => {
  let folder = '';
  let tree = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'extract-'));
    tree = join(folder, 'root');
    await mkdir(tree);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const memberOf = (members: Member[], path: string): Member | undefined => members.find((member) => member.path === path);

  test('puts its files in place, and tells all of them as they are', async () => {
    const { path } = await makeDeb(folder, {
      name: 'one',
      files: `mkdir -p usr/bin var/spool; echo hi > usr/bin/tool; chown 7:70000 usr/bin/tool; chmod 4755 usr/bin/tool
        ln -s ../bin/tool usr/link; ln usr/bin/tool usr/bin/tool2; chmod 1777 var/spool; mkfifo var/pipe
        echo old > usr/old; touch -d 2001-01-02T03:04:05Z usr/old`,
      control: { postinst: '#!/bin/sh\nexit 0\n', triggers: 'interest /usr/x\n', conffiles: '' },
    });
    const { members, control } = await extractPackage(path, tree);
    expect(memberOf(members, '/.')).toMatchObject({ type: 'directory', mode: 0o755 });
    expect(memberOf(members, '/usr/bin/tool')).toEqual({
      path: '/usr/bin/tool',
      type: 'file',
      mode: 0o4755,
      uid: 7,
      gid: 70_000,
      mtime: day,
    });
    expect(memberOf(members, '/usr/bin/tool2')).toMatchObject({ type: 'hardlink' });
    expect(memberOf(members, '/usr/link')).toMatchObject({ type: 'symlink' });
    expect(memberOf(members, '/var/spool')).toMatchObject({ type: 'directory', mode: 0o1777 });
    expect(memberOf(members, '/var/pipe')).toMatchObject({ type: 'other' });
    expect(memberOf(members, '/usr/old')?.mtime).toBe(Date.UTC(2001, 0, 2, 3, 4, 5) / 1000);
    const tool = await lstat(join(tree, 'usr/bin/tool'));
    expect([tool.mode & 0o7777, tool.uid, tool.gid, tool.nlink]).toEqual([0o4755, 7, 70_000, 2]);
    expect([...control.keys()].toSorted()).toEqual(['conffiles', 'control', 'postinst', 'triggers']);
    expect(control.get('postinst')).toEqual({ content: Buffer.from('#!/bin/sh\nexit 0\n'), mode: 0o755 });
    expect(control.get('triggers')?.mode).toBe(0o644);
    expect((await readdir(folder)).toSorted()).toEqual(['one-tree', 'one.deb', 'root']);
  });

  test('understands odd names as tar writes them', async () => {
    const names = [
      'a b',
      'tab\\there',
      'ret\\rurn',
      'bell\\a',
      'é',
      '\\\\303\\\\251',
      '"q"',
      'arrow -> x',
      'link to y',
      'back\\\\slash',
      "it's",
    ];
    const { path } = await makeDeb(folder, {
      name: 'odd',
      files: names.map((name) => `: > "$(printf '%b' '${name.replaceAll("'", `'\\''`)}')"`).join('\n'),
    });
    const { members } = await extractPackage(path, tree);
    const found = members.map((member) => member.path).filter((name) => name !== '/.');
    expect(found.toSorted()).toEqual((await readdir(tree)).map((name) => `/${name}`).toSorted());
    expect(found).toHaveLength(names.length);
  });

  test('follows a link that stands where it has a folder, as dpkg does', async () => {
    await mkdir(join(tree, 'usr/bin'), { recursive: true });
    await symlink('usr/bin', join(tree, 'bin'));
    const { path } = await makeDeb(folder, { name: 'two', files: 'mkdir bin; echo x > bin/x' });
    await extractPackage(path, tree);
    expect(await readlink(join(tree, 'bin'))).toBe('usr/bin');
    expect(await readFile(join(tree, 'usr/bin/x'), 'utf8')).toBe('x\n');
  });

  test.each([
    ['cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length - 6000)],
    ['no package at all', () => Buffer.from('<html>not found</html>')],
    ['empty', () => Buffer.alloc(0)],
  ])('that is %s fails, names it, and leaves no scratch folder', async (_, damage) => {
    const { path } = await makeDeb(folder, { name: 'bad', files: 'seq 4000 > numbers' });
    await writeFile(path, damage(await readFile(path)));
    await expect(extractPackage(path, tree)).rejects.toThrow(/bad\.deb/);
    // Both halves run side by side; the other may still be tidying up.
    await expect.poll(() => readdir(folder)).toEqual(expect.not.arrayContaining(['control-bad.deb']));
  });
});

describe('a line of tar', () => {
  test.each([
    ['drwxr-xr-x 0/0               0 2026-01-02 00:00:00 ./', { path: '/.', type: 'directory', mode: 0o755 }],
    ['drwxrwxrwt 0/0               0 2026-01-02 00:00:00 ./tmp/', { path: '/tmp', mode: 0o1777 }],
    ['-rwsr-Sr-T 0/0             123 2026-01-02 00:00:00.5 ./x', { path: '/x', mode: 0o7744 }],
    ['crw-rw-rw- 0/0             1,3 2026-01-02 00:00:00 ./dev/null', { path: '/dev/null', type: 'other' }],
    ['lrwxrwxrwx 0/0               0 2026-01-02 00:00:00 ./a -> b', { path: '/a', type: 'symlink' }],
    ['hrw-r--r-- 0/0               0 2026-01-02 00:00:00 ./a link to ./b', { path: '/a', type: 'hardlink' }],
  ])('%s', (line, expected) => {
    expect(parseMember(line)).toMatchObject(expected);
  });

  test('that is none is left out', () => {
    expect(parseMember('tar: Removing leading `/` from member names')).toBeUndefined();
  });
});
