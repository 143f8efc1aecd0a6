import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EmittedEvent } from '../../src/util/events.ts';
import { start } from '../../src/util/exec.ts';

const main = join(import.meta.dirname, '../../src/cli/main.ts');

export interface GabaritProcess {
  /** Everything that it says with `--json`, a line each. */
  lines: (EmittedEvent | { type: string })[];
  /** Resolves with the exit code, or the name of the signal that ended it. */
  ended: Promise<number | string>;
  stderr: string[];
  kill(signal: NodeJS.Signals): void;
}

export interface GabaritOptions {
  cacheDir: string;
  outputDir: string;
  /** What stands before the command, such as `setpriv`. */
  prefix?: string[];
  /** The Node.js that runs it; by default the one that runs the tests. */
  node?: string;
  env?: Record<string, string>;
  onEvent?: (event: EmittedEvent, self: GabaritProcess) => void;
}

/** Starts the real command line in a process of its own, with `--json`. */
export function startGabarit(args: string[], options: GabaritOptions): GabaritProcess {
  const argv = [
    ...(options.prefix ?? []),
    options.node ?? process.execPath,
    '--disable-warning=ExperimentalWarning',
    main,
    ...args,
    '--json',
  ];
  const child = start(argv, {
    env: { GABARIT_CACHE: options.cacheDir, GABARIT_OUT: options.outputDir, ...options.env },
  });
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const self: GabaritProcess = {
    lines: [],
    stderr: [],
    ended: closed.then(([code, signal]) => code ?? signal ?? 'nothing'),
    kill: (signal) => void child.kill(signal),
  };
  if (child.stdout)
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = JSON.parse(line) as EmittedEvent;
      self.lines.push(event);
      options.onEvent?.(event, self);
    });
  if (child.stderr) createInterface({ input: child.stderr }).on('line', (line) => self.stderr.push(line));
  return self;
}

/** Processes that have something to do with a folder: by their arguments, or by what is mounted where they live. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8');
      return command.includes(folder) || mounts.includes(` ${folder}/`) ? [`${pid} ${command}`] : [];
    } catch {
      return []; // It ended while we looked.
    }
  });
}

/** What of a killed or finished build is still alive after at most `seconds`: processes, their mounts, loop devices. */
export async function stillAlive(folder: string, seconds = 5): Promise<string[]> {
  const look = (): string[] => [
    ...processesOf(folder),
    ...readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(` ${folder}/`)),
  ];
  const deadline = Date.now() + seconds * 1000;
  let found = look();
  while (found.length > 0 && Date.now() < deadline) {
    await sleep(100);
    found = look();
  }
  return found;
}
