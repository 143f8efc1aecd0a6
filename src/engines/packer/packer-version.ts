import { AppError } from '../../util/errors.ts';
import { exec } from '../../util/exec.ts';
import type { Dialect } from './builder.ts';

const oldest = [1, 6, 6] as const;
const howToGet =
  'Install it: apt-get install packer (Debian 12 has 1.6.6), or from https://developer.hashicorp.com/packer/install. Gabarit brings none.';

export interface PackerProgram {
  version: string;
  dialect: Dialect;
}

/** @throws AppError TOOL_MISSING without Packer; HOST_NOT_READY when it is too old */
export async function findPacker(command: string, signal: AbortSignal): Promise<PackerProgram> {
  const { stdout } = await exec([command, 'version'], {
    signal,
    env: packerSilence,
    timeoutMs: 60_000,
    what: 'Asking Packer for its version',
  }).catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'TOOL_MISSING')
      throw new AppError('TOOL_MISSING', `${command} is not installed`, { cause: error, hint: howToGet });
    throw error;
  });
  const version = /Packer v?(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
  if (version === undefined)
    throw new AppError('HOST_NOT_READY', `${command} is not Packer: it says ${JSON.stringify(stdout.slice(0, 80))}`, {
      hint: howToGet,
    });
  const parts = version.split('.').map(Number);
  const difference = oldest.map((part, index) => (parts[index] ?? 0) - part).find((part) => part !== 0) ?? 0;
  if (difference < 0)
    throw new AppError('HOST_NOT_READY', `Packer ${version} is too old: ${oldest.join('.')} is the oldest that is supported`, {
      hint: howToGet,
    });
  return { version, dialect: parts[0] === 1 && (parts[1] ?? 0) < 7 ? '1.6' : 'current' };
}

/** It neither asks its maker for news, nor colours what we read. */
export const packerSilence = { CHECKPOINT_DISABLE: '1', PACKER_NO_COLOR: '1' };
