import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** What a test may leave behind on the host, as `kind:id` with a description. */
export type Traces = Map<string, string>;

/** Fields of /proc/PID/stat: its name may hold spaces and parentheses, so they are counted from the last `)`. */
function readStat(pid: string): { name: string; parent: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const end = stat.lastIndexOf(')');
    return { name: stat.slice(stat.indexOf('(') + 1, end), parent: Number(stat.slice(end + 2).split(' ')[1]) };
  } catch {
    // It ended while we looked.
    return undefined;
  }
}

function childProcesses(traces: Traces): void {
  const parents = new Map<number, number[]>();
  const names = new Map<number, string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const stat = readStat(pid);
    if (!stat) continue;
    names.set(Number(pid), stat.name);
    parents.set(stat.parent, [...(parents.get(stat.parent) ?? []), Number(pid)]);
  }
  const waiting = [...(parents.get(process.pid) ?? [])];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    traces.set(`process:${pid}`, `process ${pid} (${names.get(pid)})`);
    waiting.push(...(parents.get(pid) ?? []));
  }
}

/** Mounts below `folder` only: others may come and go with what else runs on this host. */
function mounts(traces: Traces, folder: string): void {
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const point = line.split(' ')[4];
    if (point?.startsWith(folder)) traces.set(`mount:${point}`, `mount ${point}`);
  }
}

function loopDevices(traces: Traces, folder: string): void {
  if (!existsSync('/sys/block')) return;
  for (const device of readdirSync('/sys/block').filter((name) => name.startsWith('loop'))) {
    const file = `/sys/block/${device}/loop/backing_file`;
    const backing = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
    if (backing.startsWith(folder)) traces.set(`loop:${device}`, `loop device ${device} on ${backing}`);
  }
}

/** All descendants of this process, and the mounts and loop devices that belong to `folder`. */
export function findTraces(folder: string): Traces {
  const found: Traces = new Map();
  childProcesses(found);
  mounts(found, folder);
  loopDevices(found, folder);
  return found;
}

/** Descriptions of what is in `after` and was not in `before`. */
export function leaksSince(before: Traces, after: Traces): string[] {
  return [...after].filter(([id]) => !before.has(id)).map(([, description]) => description);
}
