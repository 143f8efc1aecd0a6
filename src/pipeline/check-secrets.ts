import { stat } from 'node:fs/promises';
import { credentialPattern } from '../util/credential.ts';
import { errnoOf } from '../util/errors.ts';
import type { VerdictStatus } from '../util/events.ts';

/** Whether the secrets that the configuration names are there, old, or open to others. Their values are never read. */

export interface SecretFact {
  /** Where it is named: `stores.prod.credentials.secretKey`. */
  named: string;
  /** Where it lies: `env:NAME`, `file:PATH`. */
  reference: string;
  status: VerdictStatus;
  message: string;
  /** Since it was last written; unknown for variables. */
  ageDays?: number;
  /** File rights in octal: `600`. */
  mode?: string;
}

export interface SecretsRequest {
  /** Parts of the configuration, by name. */
  configuration: Record<string, unknown>;
  /** Further files that hold secrets, with what they are. */
  files: readonly { named: string; path: string }[];
  environment: Readonly<NodeJS.ProcessEnv>;
  /** A secret that was not changed for so long is a warning. */
  maxAgeDays: number;
  now: Date;
}

export async function checkSecrets(request: SecretsRequest): Promise<SecretFact[]> {
  const found = [
    ...Object.entries(request.configuration).flatMap(([name, value]) => referencesIn(value, name)),
    ...request.files.map(({ named, path }) => ({ named, reference: `file:${path}` })),
  ];
  return Promise.all(found.map((secret) => examine(secret, request)));
}

interface Named {
  named: string;
  reference: string;
}

/** Every reference in a part of the configuration. The URL of a store may look like one. */
function referencesIn(value: unknown, path: string): Named[] {
  if (typeof value === 'string') {
    const key = path.slice(path.lastIndexOf('.') + 1);
    if (key === 'tokenFile') return [{ named: path, reference: `file:${value}` }];
    return key !== 'url' && credentialPattern.test(value) ? [{ named: path, reference: value }] : [];
  }
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, item]) => referencesIn(item, `${path}.${key}`));
}

async function examine(secret: Named, { environment, maxAgeDays, now }: SecretsRequest): Promise<SecretFact> {
  const place = secret.reference.slice(secret.reference.indexOf(':') + 1);
  if (secret.reference.startsWith('env:')) {
    const value = environment[place];
    if (value === undefined) return { ...secret, status: 'fail', message: `no variable ${place} is in the environment` };
    return value.trim() === ''
      ? { ...secret, status: 'fail', message: 'it is empty' }
      : { ...secret, status: 'pass', message: 'set; its age is not known' };
  }
  const found = await stat(place).catch((error: unknown) => errnoOf(error) ?? 'unknown');
  if (typeof found === 'string')
    return {
      ...secret,
      status: 'fail',
      message: found === 'ENOENT' ? 'there is no such file' : `it cannot be looked at (${found})`,
    };
  const ageDays = Math.max(0, Math.floor((now.getTime() - found.mtimeMs) / (24 * 3600 * 1000)));
  const facts = { ...secret, ageDays, mode: (found.mode & 0o777).toString(8) };
  if (!found.isFile()) return { ...facts, status: 'fail', message: 'it is not a file' };
  if (found.size === 0) return { ...facts, status: 'fail', message: 'it is empty' };
  if ((found.mode & 0o077) !== 0)
    return { ...facts, status: 'warn', message: `others can read it: chmod 600 ${place}, and change the secret` };
  if (ageDays > maxAgeDays) return { ...facts, status: 'warn', message: `older than ${maxAgeDays} days: change it` };
  return { ...facts, status: 'pass', message: '' };
}
