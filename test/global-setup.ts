import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exec } from '../src/util/exec.ts';

/** Removes what test processes that were killed left behind: folders that bear the number of a process that is gone, and mounts in them. */
export async function setup(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^gabarit-test-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    const folder = join(tmpdir(), name);
    for (const point of mountsBelow(folder)) await exec(['umount', point]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The innermost first. */
function mountsBelow(folder: string): string[] {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '');
  return points.filter((point) => point.startsWith(`${folder}/`)).toReversed();
}
