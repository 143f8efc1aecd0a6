import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exec } from '../../src/util/exec.ts';
import { runDocuments, shellBlocks } from '../doc-blocks.ts';
import { needs } from '../tools.ts';

/** Every block of commands in README and the guides, in order, in a clone and a home of their own: what a newcomer types. */

const root = join(import.meta.dirname, '../..');
const cacheDir = process.env['GABARIT_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'gabarit');

describe.skipIf(needs('git', 'bash'))('what the documents say', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'docs-'));
    await exec(['git', 'clone', '-q', root, join(folder, 'gabarit')]);
    // The same libraries as here, and the word of the launcher that they fit the lock file.
    const libraries = join(folder, 'gabarit/node_modules');
    await exec(['cp', '-al', join(root, 'node_modules'), libraries]).catch(() =>
      exec(['cp', '-a', join(root, 'node_modules'), libraries]),
    );
    await rm(join(libraries, '.gabarit'), { force: true });
    const { stdout } = await exec(['cksum'], { input: await readFile(join(folder, 'gabarit/package-lock.json')) });
    await writeFile(join(libraries, '.gabarit'), `${stdout.trim()} dev\n`);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(runDocuments)('%s', async (file, where) => {
    const blocks = shellBlocks(file, await readFile(join(folder, 'gabarit', file), 'utf8'));
    const run = blocks.filter(({ notRun }) => notRun === undefined);
    expect(run.length).toBeGreaterThan(0);
    const home = join(folder, `home-${file.replaceAll('/', '-')}`);
    await mkdir(home, { recursive: true });
    const script = run
      .map(({ line, text }) => `echo "@@ ${file}:${line}" >&2\n${text}`)
      .join('\n')
      // The tests are under way.
      .replaceAll(/^\.\/gabarit test .*$/gm, '')
      .replaceAll('/srv/templates', '$HOME/srv');
    const path = join(home, 'script');
    await writeFile(path, `set -eu\n${script}`);
    const env = {
      HOME: home,
      PATH: [
        dirname(process.execPath),
        join(folder, 'gabarit'),
        '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      ].join(':'),
      GABARIT_CACHE: cacheDir,
      GABARIT_OUT: '',
      GIT_AUTHOR_NAME: 'Test',
      GIT_AUTHOR_EMAIL: 'test@mirror.example',
      GIT_COMMITTER_NAME: 'Test',
      GIT_COMMITTER_EMAIL: 'test@mirror.example',
    };
    const { exitCode, stderr, stdout } = await exec(['bash', path], {
      cwd: where === 'clone' ? join(folder, 'gabarit') : folder,
      env,
      okExitCodes: [0, 1, 2, 3, 4, 5, 6, 7, 8],
      timeoutMs: 14 * 60_000,
    });
    expect([exitCode, exitCode === 0 ? '' : `${stdout.slice(-1500)}\n${stderr.slice(-3000)}`]).toEqual([0, '']);
  });
});
