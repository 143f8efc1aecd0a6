import { readdir, readFile } from 'node:fs/promises';

/** Processes with all that they started, whatever groups and sessions those made for themselves. */

interface ProcessStat {
  pid: number;
  parent: number;
  /** Clock ticks after boot at which it started: with its number, which process it is. */
  start: string;
}

async function statOf(pid: number): Promise<ProcessStat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The name, in parentheses, may hold anything.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  if (fields === undefined || fields[0] === 'Z') return undefined;
  return { pid, parent: Number(fields[1]), start: fields[19] ?? '' };
}

/** When a process started, to tell it later from another one with the same number; undefined when it is gone. */
export async function processStart(pid: number): Promise<string | undefined> {
  return (await statOf(pid))?.start;
}

/** The numbers of a process and all its descendants. */
export async function processTree(root: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = (await Promise.all(pids.map(statOf))).filter((stat) => stat !== undefined);
  const tree = [root];
  for (const pid of tree) tree.push(...all.filter(({ parent }) => parent === pid).map((stat) => stat.pid));
  return tree;
}

/** Ends a process and all its descendants at once. */
export async function killTree(root: number): Promise<void> {
  for (const pid of await processTree(root)) {
    for (const target of [-pid, pid]) {
      try {
        process.kill(target, 'SIGKILL');
      } catch {
        // It is gone already, or leads no group.
      }
    }
  }
}
