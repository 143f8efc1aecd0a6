import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../../util/exec.ts';
import type { Scope } from '../../util/scope.ts';

/** Puts a writable layer over a tree and returns where both are seen as one. `upper` is `workdir/NAME-upper` unless given. */
export async function overlayTree(
  lower: string,
  workdir: string,
  name: string,
  scope: Scope,
  upper = join(workdir, `${name}-upper`),
): Promise<string> {
  const merged = join(workdir, `${name}-merged`);
  const work = join(workdir, `${name}-work`);
  for (const folder of [merged, work, upper]) await mkdir(folder, { recursive: true });
  const options = [
    `lowerdir=${lower}`,
    `upperdir=${upper}`,
    `workdir=${work}`,
    // A moved folder must be there whole: some kernels only note where it was. Not possible with `userxattr`.
    (await inUserNamespace()) ? 'userxattr' : 'redirect_dir=off',
  ];
  await exec(['mount', '-t', 'overlay', 'overlay', '-o', options.join(','), merged], {
    errorCode: 'HOST_NOT_READY',
    what: 'mounting an overlay',
  });
  scope.defer(() => exec(['umount', '--lazy', merged]));
  return merged;
}

/** Whether our root is not the machine's root: then overlayfs must keep its marks in user attributes. */
async function inUserNamespace(): Promise<boolean> {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(await readFile('/proc/self/uid_map', 'utf8'));
}
