import { existsSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Removes what test processes that were killed left behind: folders that bear the number of a process that is gone. */
export function setup(): void {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^gabarit-test-(\d+)-/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
  }
}
