import type { Tool } from '../../model/engine.ts';
import { exec } from '../../util/exec.ts';

/** What an engine needs that makes its disk in a machine. */
export const machineTools: Tool[] = [
  { command: 'qemu-system-x86_64', package: 'qemu-system-x86', versionArgs: ['--version'] },
  { command: 'qemu-img', package: 'qemu-utils', versionArgs: ['--version'] },
];

export async function qemuVersion(signal: AbortSignal): Promise<string> {
  const { stdout } = await exec(['qemu-system-x86_64', '--version'], { signal });
  return /version (\S+)/.exec(stdout)?.[1] ?? stdout.trim();
}
