import { cpus, loadavg, release, totalmem } from 'node:os';
import { exec } from '../../src/util/exec.ts';

/** What a result depends on, for the reader. */
export interface Machine {
  cores: number;
  processor: string;
  memoryGiB: number;
  /** Where the work lay: `ext4`, `tmpfs` ... */
  fileSystem: string;
  kernel: string;
  node: string;
  /** Of one minute, before the first run. */
  load: number;
  /** Whether nobody else was busy: only then is a result worth keeping. */
  quiet: boolean;
}

export async function describeMachine(folder: string): Promise<Machine> {
  const { stdout } = await exec(['findmnt', '--noheadings', '--output', 'FSTYPE', '--target', folder]);
  const load = loadavg()[0] ?? 0;
  return {
    cores: cpus().length,
    processor: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    fileSystem: stdout.trim().split('\n').at(-1) ?? '',
    kernel: release(),
    node: process.version,
    load,
    quiet: load <= 1,
  };
}

/** The version of a Debian package, or undefined when it is not installed. */
export async function packageVersion(name: string): Promise<string | undefined> {
  const argv = ['dpkg-query', '--show', '--showformat=${db:Status-Abbrev}${Version}', name];
  const { stdout, exitCode } = await exec(argv, { okExitCodes: [0, 1] });
  return exitCode === 0 && stdout.startsWith('ii') ? stdout.slice(2).trim() : undefined;
}
