import type { SigningKey } from '../model/signing-key.ts';
import { parseSecretKey } from '../model/signing-key.ts';
import { readCredential } from '../util/credential.ts';
import { defaultKeyName, readKey, refuseOpen } from './key-folder.ts';

/** Which key signs on this machine. */
export interface SigningSettings {
  /** `signing.key` of the configuration: where the key lies, instead of in the folder of this user. */
  key?: string | undefined;
  keysDir: string;
}

/** The key that the configuration names, else the one called `default`; undefined when there is none. @throws AppError CONFIG_INVALID */
export async function findSigningKey(
  { key, keysDir }: SigningSettings,
  environment: Readonly<NodeJS.ProcessEnv>,
): Promise<SigningKey | undefined> {
  if (key === undefined) return (await readKey(keysDir, defaultKeyName))?.key;
  const text = await readCredential(key, environment);
  if (key.startsWith('file:')) await refuseOpen(key.slice('file:'.length));
  return parseSecretKey(text, key);
}
