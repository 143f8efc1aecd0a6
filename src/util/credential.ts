import { readFile } from 'node:fs/promises';
import { AppError, errnoOf } from './errors.ts';
import { registerSecret } from './redact.ts';

/** A credential is named by where it lies, never by its value: `env:NAME` or `file:PATH`. It is read when it is used. */
export const credentialPattern = /^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/;

/**
 * The value that a reference names, without white space at its ends; from now on it is removed from all output.
 * @throws AppError CONFIG_INVALID, naming where it was looked for
 */
export async function readCredential(reference: string, environment: Readonly<NodeJS.ProcessEnv>): Promise<string> {
  const value = (await find(reference, environment)).trim();
  if (value === '') throw new AppError('CONFIG_INVALID', `The credential ${reference} is empty`);
  registerSecret(value);
  return value;
}

async function find(reference: string, environment: Readonly<NodeJS.ProcessEnv>): Promise<string> {
  const name = reference.slice(reference.indexOf(':') + 1);
  if (reference.startsWith('env:')) {
    const value = environment[name];
    if (value !== undefined) return value;
    throw new AppError('CONFIG_INVALID', `The credential ${reference} is missing: no variable ${name} is in the environment`, {
      hint: `Set ${name}, or name another place in the configuration (file:PATH).`,
    });
  }
  if (!reference.startsWith('file:')) {
    throw new AppError('CONFIG_INVALID', 'A credential is written as env:NAME or file:PATH, never as its value');
  }
  try {
    return await readFile(name, 'utf8');
  } catch (cause) {
    const missing = errnoOf(cause) === 'ENOENT';
    throw new AppError(
      'CONFIG_INVALID',
      `The credential ${reference} ${missing ? 'is missing: there is no such file' : 'cannot be read'}`,
      {
        cause,
      },
    );
  }
}
