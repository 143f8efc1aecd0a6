import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../util/errors.ts';
import { exec } from '../../util/exec.ts';

/** Folders of a working tree as they were in another commit. */
export interface BaseCommit {
  /** The commit that was taken: where the two branches part. */
  commit: string;
  /** Where a folder of the working tree lies as it was then; undefined when it was not there. */
  folder(path: string): string | undefined;
}

/**
 * Writes folders of a repository, named relative to its working folder, as they were in a commit, into `workdir`.
 * @throws AppError NOT_FOUND when the clone does not have the commit, TOOL_MISSING without git
 */
export async function checkOutBase(
  commit: string,
  paths: readonly string[],
  { repository, workdir, signal }: { repository: string; workdir: string; signal: AbortSignal },
): Promise<BaseCommit> {
  const git = async (...args: string[]): Promise<{ stdout: string; exitCode: number; stderr: string }> =>
    // A job may run as root in a folder of the runner's user: git is asked to read it all the same.
    exec(['git', '-c', 'safe.directory=*', '-C', repository, ...args], { signal, okExitCodes: [0, 1, 128], what: 'git' });
  const known = await git('cat-file', '-e', `${commit}^{commit}`);
  if (known.exitCode !== 0) {
    throw new AppError('NOT_FOUND', `The commit ${commit} is not in this clone`, {
      hint: 'Clone with its history (actions/checkout: fetch-depth: 0; GitLab: GIT_DEPTH: 0), or name another commit with --base.',
      details: { git: known.stderr.trim() },
    });
  }
  const parted = await git('merge-base', commit, 'HEAD');
  const base = parted.exitCode === 0 ? parted.stdout.trim() : commit;
  const { stdout } = await git('ls-tree', '-r', '-z', '--name-only', base, '--', ...paths);
  const files = stdout.split('\0').filter(Boolean);
  const there = paths.filter((path) => files.some((file) => file.startsWith(`${path}/`)));
  const tree = join(workdir, 'base');
  await mkdir(tree, { recursive: true });
  if (there.length > 0) {
    const archive = join(workdir, 'base.tar');
    const made = await git('archive', '--format=tar', `--output=${archive}`, base, '--', ...there);
    if (made.exitCode !== 0) throw new AppError('COMMAND_FAILED', `git could not give ${base}: ${made.stderr.trim()}`);
    await exec(['tar', '-xf', archive, '-C', tree, '--no-same-owner'], { signal });
  }
  return { commit: base, folder: (path) => (there.includes(path) ? join(tree, path) : undefined) };
}
