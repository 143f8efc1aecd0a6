import { readFileSync } from 'node:fs';

export interface Usage {
  /** The most memory that the process ever held, in bytes. */
  memory: number;
  processorSeconds: number;
}

/** Of Linux on all usual machines. */
const ticksPerSecond = 100;

/** Asks the kernel ten times a second what a process (without its children) has used; the last answer before its end counts. */
export function watchUsage(pid: number | undefined): { last(): Usage; stop(): void } {
  let usage: Usage = { memory: 0, processorSeconds: 0 };
  const look = (): void => {
    try {
      const [, kibibytes = '0'] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // Counted from the name, which may hold spaces: user and kernel time.
      const [user = 0, kernel = 0] = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .slice(11, 13)
        .map(Number);
      usage = { memory: Math.max(usage.memory, Number(kibibytes) * 1024), processorSeconds: (user + kernel) / ticksPerSecond };
    } catch {
      // It has ended.
    }
  };
  const timer = setInterval(look, 100);
  return { last: () => usage, stop: () => clearInterval(timer) };
}
