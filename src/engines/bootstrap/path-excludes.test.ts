import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeDeb } from '../../../test/small-debs.ts';
import { needs, needsRoot } from '../../../test/tools.ts';
import { exec } from '../../util/exec.ts';
import { excludePaths } from './path-excludes.ts';

const excludes = ['/usr/share/doc/*', '!/usr/share/doc/*/copyright', '/usr/share/man/*', '/boot/System.map*'];
const fill = `mkdir -p usr/share/doc/a/examples usr/share/doc/b usr/share/man/man1 usr/share/mandarin boot usr/bin
  for name in doc/a/copyright doc/a/README doc/a/examples/x doc/b/changelog man/man1/a.1 mandarin/x; do echo $name > usr/share/$name; done
  ln -s a usr/share/doc/c; echo map > boot/System.map-6.1; echo kernel > boot/vmlinuz; echo x > usr/bin/x; echo y > 'usr/share/doc/a/two words'`;

describe.skipIf(needs('find', 'dpkg', 'dpkg-deb') || needsRoot())('leaving paths out of a tree', () => {
  let tree = '';
  let folder = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'excludes-'));
    tree = join(folder, 'tree');
    await mkdir(join(tree, 'etc/dpkg/dpkg.cfg.d'), { recursive: true });
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function filesIn(of: string): Promise<string[]> {
    const { stdout } = await exec(['find', of, '!', '-type', 'd', '-printf', '/%P\\n']);
    return stdout
      .split('\n')
      .filter((path) => path !== '' && !/^\/(etc|var)\//.test(path))
      .toSorted();
  }

  test('leaves what dpkg itself would have left, and tells dpkg so', async () => {
    await exec(['sh', '-ec', fill], { cwd: tree });
    await excludePaths(tree, excludes);
    const config = await readFile(join(tree, 'etc/dpkg/dpkg.cfg.d/50gabarit'), 'utf8');
    expect(config).toContain('path-exclude=/usr/share/doc/*\npath-include=/usr/share/doc/*/copyright\n');
    const { path } = await makeDeb(folder, { name: 'docs', files: fill });
    const other = join(folder, 'other');
    await exec([
      'sh',
      '-ec',
      'mkdir -p "$1/var/lib/dpkg/info" "$1/var/lib/dpkg/updates"; : > "$1/var/lib/dpkg/status"',
      'sh',
      other,
    ]);
    const options = config.split('\n').flatMap((line) => (line.startsWith('path-') ? [`--${line}`] : []));
    await exec(['dpkg', `--root=${other}`, '--force-not-root', ...options, '--unpack', path]);
    expect(await filesIn(tree)).toEqual(await filesIn(other));
    expect(await filesIn(tree)).toEqual([
      '/boot/vmlinuz',
      '/usr/bin/x',
      '/usr/share/doc/a/copyright',
      '/usr/share/doc/c',
      '/usr/share/mandarin/x',
    ]);
  });

  test('removes every one of very many files', async () => {
    const long = 'n'.repeat(200);
    await exec(['sh', '-ec', `mkdir -p usr/share/doc/many; cd usr/share/doc/many; seq -f '${long}-%.0f' 7000 | xargs touch`], {
      cwd: tree,
    });
    await excludePaths(tree, excludes);
    expect(await filesIn(tree)).toEqual([]);
  });

  test('does nothing without excludes, and copes with folders that are not there', async () => {
    await writeFile(join(tree, 'x'), '');
    await excludePaths(tree, []);
    expect(await filesIn(join(tree, 'etc'))).toEqual([]);
    await excludePaths(tree, excludes);
    expect(await filesIn(tree)).toEqual(['/x']);
  });
});
