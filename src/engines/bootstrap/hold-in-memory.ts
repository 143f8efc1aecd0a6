import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../../util/exec.ts';
import type { Scope } from '../../util/scope.ts';

/**
 * Keeps a folder of a tree in memory until `putBack` is called: dpkg waits for the disk after each step of each package, some 1,700 times
 * a build. What is not put back is lost, as befits a build that failed.
 */
export async function holdInMemory(folder: string, workdir: string, scope: Scope): Promise<{ putBack: () => Promise<void> }> {
  const memory = join(workdir, 'in-memory');
  await mkdir(memory, { recursive: true });
  await exec(['mount', '-t', 'tmpfs', '-o', 'mode=755', 'memory', memory]);
  scope.defer(() => exec(['umount', '--lazy', memory]));
  await exec(['cp', '-a', `${folder}/.`, memory]);
  await exec(['mount', '--bind', memory, folder]);
  let isHeld = true;
  const release = async (): Promise<void> => {
    if (isHeld) await exec(['umount', '--lazy', folder]);
    isHeld = false;
  };
  scope.defer(release);
  return {
    async putBack() {
      await release();
      for (const name of await readdir(folder)) await rm(join(folder, name), { recursive: true });
      await exec(['cp', '-a', `${memory}/.`, folder], { what: `writing ${folder}` });
    },
  };
}
