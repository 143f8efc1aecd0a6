import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stampExt4 } from '../src/disk/ext4-stamp.ts';
import { exportXattrs } from '../src/engines/bootstrap/export-xattrs.ts';
import { serveInside } from '../src/engines/bootstrap/inside-protocol.ts';
import { overlayTree } from '../src/engines/bootstrap/overlay.ts';
import { planReplay } from '../src/engines/bootstrap/replay.ts';
import { exec } from '../src/util/exec.ts';
import { type Change, changeTree, type Tree } from './tree-changes.ts';

/** What happens to a small base and its disk inside a namespace: changes on an overlay, which are replayed on the disk. */
export interface ReplayRequest {
  lower: string;
  workdir: string;
  disk: string;
  /** The disk before, for what was freed. */
  before: string;
  changes: Change[];
  strict: boolean;
  /** A shell script that runs in the tree after the changes. */
  shell: string;
  time: number;
}

export interface ReplayOutcome {
  merged: Tree;
  changed: string[];
  commands: string[];
  /** What debugfs complained of. */
  complaints: string;
}

await serveInside(async (message, { scope }): Promise<ReplayOutcome> => {
  const { lower, workdir, disk, before, changes, strict, shell, time } = message as ReplayRequest;
  await mkdir(join(workdir, 'xattrs'), { recursive: true });
  const merged = await overlayTree(lower, workdir, 'test', scope);
  await changeTree(merged, changes, strict);
  if (shell !== '') await exec(['sh', '-ec', shell], { cwd: merged });
  const upper = join(workdir, 'test-upper');
  const xattrs = await exportXattrs(upper, lower, join(workdir, 'xattrs'), (argv) => exec(argv));
  const { commands, changed } = await planReplay({ lower, upper, merged, mergedForDebugfs: merged, xattrs, time });
  await writeFile(join(workdir, 'replay'), `set_current_time @${time}\n${commands.join('\n')}\n`);
  const { stderr } = await exec(['debugfs', '-w', '-f', join(workdir, 'replay'), disk], {
    env: { E2FSPROGS_FAKE_TIME: String(time) },
  });
  const complaints = stderr.replace(/^debugfs 1.*\n/, '');
  await stampExt4(disk, { offset: 0, time, before });
  return { merged: await changeTree(merged, []), changed, commands, complaints };
});
