import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exec } from '../../src/util/exec.ts';
import { actPath, runAct } from '../peers/act.ts';

/** The workflow that "gabarit init --ci gitea" writes, run by act: the runners of Gitea and Forgejo are made from it. */

const root = join(import.meta.dirname, '../..');
const cacheDir = process.env['GABARIT_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'gabarit');

describe.skipIf(actPath === undefined)('the workflow for Gitea and Forgejo', () => {
  let folder = '';
  let tree = '';
  let base = '';
  const git = async (...args: string[]): Promise<string> => {
    const who = ['-c', 'user.name=Test', '-c', 'user.email=test@mirror.example', '-c', 'commit.gpgsign=false'];
    return (await exec(['git', ...who, '-C', tree, ...args])).stdout.trim();
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gitea-'));
    tree = join(folder, 'images');
    await mkdir(join(folder, 'bin'));
    const command = join(folder, 'bin/gabarit');
    const main = join(root, 'src/cli/main.ts');
    await writeFile(command, `#!/bin/sh\nexec ${process.execPath} --disable-warning=ExperimentalWarning -- ${main} "$@"\n`);
    await chmod(command, 0o755);
    const store = `file:${join(folder, 'store')}`;
    await exec([command, 'init', tree, '--ci', 'gitea', '--from', 'debian-12-minimal', '--store-url', store]);
    await git('add', '-A');
    await git('commit', '-q', '-m', 'Begin with a first template');
    base = await git('rev-parse', 'HEAD');
    const definition = join(tree, 'templates/web-server.yaml');
    await writeFile(definition, (await readFile(definition, 'utf8')).replace('nginx-light', 'nginx-light, jq'));
    await git('commit', '-q', '-a', '-m', 'Add jq');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const propose = async (from: string): Promise<{ exitCode: number; log: string }> => {
    const workdir = await mkdtemp(join(folder, 'server-'));
    const clone = join(workdir, 'clone');
    await exec(['git', 'clone', '-q', tree, clone]);
    // act takes the name of the repository from there.
    await exec(['git', '-C', clone, 'remote', 'set-url', 'origin', 'https://github.com/we/images.git']);
    return runAct({
      folder: clone,
      workdir,
      origin: tree,
      event: 'pull_request',
      workflows: '.gitea/workflows',
      path: [join(folder, 'bin')],
      env: { GABARIT_CACHE: cacheDir, NO_COLOR: '1', GITEA_ACTIONS: 'true' },
      payload: {
        repository: { full_name: 'we/images' },
        pull_request: { number: 7, base: { sha: base }, head: { repo: { full_name: from } } },
      },
    });
  };

  it('plans what is proposed, and builds nothing', async () => {
    const { exitCode, log } = await propose('we/images');
    expect([exitCode, exitCode === 0 ? '' : log]).toEqual([0, '']);
    expect(log).toMatch(/\+ jq:amd64 \d/);
    expect(log).not.toContain('Build what has changed');
  });

  it('runs nothing of a fork', async () => {
    const { exitCode, log } = await propose('they/images');
    expect([exitCode, exitCode === 0 ? '' : log]).toEqual([0, '']);
    expect(log).not.toMatch(/gabarit ci (diff|annotations|lint)/);
  });
});
