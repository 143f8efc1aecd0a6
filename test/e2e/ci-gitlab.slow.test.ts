import { readdirSync } from 'node:fs';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { exec, type ExecResult } from '../../src/util/exec.ts';
import { needs } from '../tools.ts';

/**
 * The pipeline that "gabarit init --ci gitlab" writes, run by gitlab-ci-local on this host: it takes the files as GitLab's own schema does, and
 * runs jobs in a shell. It starts no child pipeline that a job has written: that one is run as a pipeline of its own.
 */

const root = join(import.meta.dirname, '../..');
const runner = join(root, 'node_modules/.bin/gitlab-ci-local');
const cacheDir = process.env['GABARIT_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'gabarit');

describe.skipIf(needs('git', 'rsync'))('the pipeline for GitLab', () => {
  let folder = '';
  let project = '';

  const environment = (): Record<string, string> => ({
    HOME: join(folder, 'home'),
    PATH: [join(folder, 'bin'), process.execPath.replace(/\/node$/, ''), '/usr/sbin:/usr/bin:/sbin:/bin'].join(':'),
    GABARIT_CACHE: cacheDir,
    NO_COLOR: '1',
  });
  const run = async (where: string, ...args: string[]): Promise<ExecResult & { log: string }> => {
    const command = [runner, '--ignore-predefined-vars', 'GITLAB_CI,GITLAB_USER_LOGIN,CI_PIPELINE_SOURCE', ...args];
    const result = await exec(command, {
      cwd: where,
      env: environment(),
      okExitCodes: [0, 1],
      timeoutMs: 14 * 60_000,
    });
    return { ...result, log: result.stdout + result.stderr };
  };
  const gabarit = (...args: string[]): Promise<ExecResult> =>
    exec([join(folder, 'bin/gabarit'), ...args], {
      cwd: project,
      env: { ...environment(), GABARIT_KEYS: join(folder, 'keys') },
    });
  async function repository(where: string): Promise<void> {
    const who = ['-c', 'user.name=Test', '-c', 'user.email=test@mirror.example', '-c', 'commit.gpgsign=false'];
    await exec(['git', 'init', '-q', '--initial-branch=main', where]);
    await exec(['git', '-C', where, 'remote', 'add', 'origin', 'https://git.example.org/we/images.git']);
    await writeFile(join(where, '.git/info/exclude'), '.gitlab-ci-local*\n');
    await exec(['git', '-C', where, 'add', '-A']);
    await exec(['git', ...who, '-C', where, 'commit', '-q', '--allow-empty', '-m', 'Begin with a first template']);
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gitlab-'));
    project = join(folder, 'images');
    await mkdir(join(folder, 'bin'));
    await mkdir(join(folder, 'home'));
    await mkdir(project);
    const command = join(folder, 'bin/gabarit');
    const main = join(root, 'src/cli/main.ts');
    await writeFile(command, `#!/bin/sh\nexec ${process.execPath} --disable-warning=ExperimentalWarning -- ${main} "$@"\n`);
    await chmod(command, 0o755);
    const store = `file:${join(folder, 'store')}`;
    await gabarit('init', project, '--ci', 'gitlab', '--from', 'debian-12-minimal', '--store-url', store);
    await repository(project);
    await gabarit('key', 'new');
    // Jobs have the key as a variable of the project, and none in their home.
    const signingKey = await readFile(join(folder, 'keys/default.key'), 'utf8');
    const variables = {
      GITLAB_CI: 'true',
      GITLAB_USER_LOGIN: 'we',
      GABARIT_VERIFY: 'offline',
      GABARIT_SIGNING_KEY: signingKey,
    };
    await writeFile(join(project, '.gitlab-ci-local-variables.yml'), stringify(variables));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('plans, builds what is not published, and publishes it', async () => {
    const plan = await run(project, '--shell-isolation=false', 'gabarit plan');
    expect([plan.exitCode, plan.exitCode === 0 ? '' : plan.log]).toEqual([0, '']);
    const jobs = await readFile(join(project, 'gabarit-jobs.yml'), 'utf8');
    expect(jobs).toContain('build web-server:');
    const build = await run(project, '--shell-isolation=false', '--file', 'gabarit-jobs.yml');
    expect([build.exitCode, build.exitCode === 0 ? '' : build.log]).toEqual([0, '']);
    expect(build.log).toContain('web-server@dev is it');
    expect((await gabarit('verify', 'web-server@dev', '--store', 'templates')).exitCode).toBe(0);

    const again = await run(project, '--shell-isolation=false', 'gabarit plan');
    expect(again.exitCode).toBe(0);
    expect(await readFile(join(project, 'gabarit-jobs.yml'), 'utf8')).toContain('nothing to build:');
  });

  it('checks merge requests of its own project, and not those of forks', async () => {
    const source = ['--variable', 'CI_PIPELINE_SOURCE=merge_request_event', '--variable', 'CI_PROJECT_PATH=we/images'];
    const listed = async (from: string): Promise<string> =>
      (await run(project, ...source, '--variable', `CI_MERGE_REQUEST_SOURCE_PROJECT_PATH=${from}`, '--list')).stdout;
    expect(await listed('we/images')).toContain('gabarit check');
    expect(await listed('they/images')).not.toContain('gabarit check');
  });

  it('and the examples of the linter are pipelines that GitLab takes', async () => {
    const examples = join(folder, 'examples');
    await mkdir(examples);
    await repository(examples);
    const faults: string[] = [];
    for (const kind of ['bad', 'good']) {
      const from = join(root, 'test/ci-lint/gitlab', kind);
      for (const name of readdirSync(from)) {
        // What they include from elsewhere is fetched before the rest is looked at.
        if (/^(include-|what-init-writes)/.test(basename(name))) continue;
        await copyFile(join(from, name), join(examples, '.gitlab-ci.yml'));
        const { exitCode, log } = await run(examples, '--list');
        if (exitCode !== 0) faults.push(`${kind}/${name}: ${log}`);
      }
    }
    expect(faults).toEqual([]);
  });
});
