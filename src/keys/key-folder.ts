import { mkdir, readdir, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { newSigningKey, parseSecretKey, secretKeyText, type SigningKey } from '../model/signing-key.ts';
import { AppError, errnoOf } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { registerSecret } from '../util/redact.ts';

/** The signing keys of this user: `NAME.key` in a folder that is closed to others. */

/** The key that signs when nothing else is said. */
export const defaultKeyName = 'default';

const namePattern = /^[a-z0-9][a-z0-9._-]{0,62}$/;

export interface OwnKey {
  key: SigningKey;
  path: string;
}

/** Makes a key; its label is what others see of it. @throws AppError CONFLICT when there is one of that name, USAGE */
export async function makeKey(keysDir: string, name: string, now: Date, label = name): Promise<OwnKey> {
  const path = pathOf(keysDir, name);
  if (await exists(path)) {
    throw new AppError('CONFLICT', `There is a key ${name} already (${path})`, {
      hint: 'gabarit key rotate replaces it so that readers follow; gabarit key new OTHER-NAME makes a further one.',
    });
  }
  const key = newSigningKey(label, now);
  await mkdir(keysDir, { recursive: true, mode: 0o700 });
  const text = secretKeyText(key);
  registerSecret(text);
  await writeFileAtomic(path, `${text}\n`, 0o600);
  return { key, path };
}

/** The key of that name, or undefined. @throws AppError CONFIG_INVALID when others could read it, or it is damaged */
export async function readKey(keysDir: string, name: string): Promise<OwnKey | undefined> {
  const path = pathOf(keysDir, name);
  try {
    await refuseOpen(path);
    const text = (await readFile(path, 'utf8')).trim();
    registerSecret(text);
    return { key: parseSecretKey(text, path), path };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The files that hold keys, by name; nothing of them is read. */
export async function keyFiles(keysDir: string): Promise<{ name: string; path: string }[]> {
  const files = await readdir(keysDir).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [] as string[];
    throw error;
  });
  const names = files.filter((file) => file.endsWith('.key')).map((file) => file.slice(0, -'.key'.length));
  return names
    .filter((name) => namePattern.test(name))
    .toSorted()
    .map((name) => ({ name, path: pathOf(keysDir, name) }));
}

/** All keys of the folder, by name. */
export async function listKeys(keysDir: string): Promise<OwnKey[]> {
  const keys: OwnKey[] = [];
  for (const { name } of await keyFiles(keysDir)) {
    const own = await readKey(keysDir, name);
    if (own) keys.push(own);
  }
  return keys;
}

/** Gives a key file another name: the key that it replaces, or that replaces it, stays beside it. */
export async function renameKey(keysDir: string, from: string, to: string): Promise<void> {
  await rename(pathOf(keysDir, from), pathOf(keysDir, to));
}

function pathOf(keysDir: string, name: string): string {
  if (namePattern.test(name)) return join(keysDir, `${name}.key`);
  throw new AppError('USAGE', `"${name}" is not a name for a key`, {
    hint: 'Names are lower-case letters, digits, ".", "_" and "-".',
  });
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

/** A secret that others can read is none. */
export async function refuseOpen(path: string): Promise<void> {
  const { mode, uid } = await stat(path);
  const user = process.getuid?.();
  const own = user === undefined || user === 0 || uid === user;
  if ((mode & 0o077) === 0 && own) return;
  throw new AppError(
    'CONFIG_INVALID',
    own ? `${path} can be read by others (mode ${(mode & 0o777).toString(8)})` : `${path} belongs to another user`,
    { hint: own ? `chmod 600 ${path}, and think about gabarit key rotate.` : 'Use a key of your own.' },
  );
}
