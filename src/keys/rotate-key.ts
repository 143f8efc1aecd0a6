import { type KeySet, memberOf } from '../model/key-set.ts';
import type { PublicKey, SigningKey } from '../model/signing-key.ts';
import type { Store } from '../model/store.ts';
import { AppError } from '../util/errors.ts';
import { addKey, type ChangeKeys, retireKey } from './change-keys.ts';
import { defaultKeyName, makeKey, readKey, renameKey } from './key-folder.ts';

export interface Rotation {
  keysDir: string;
  now: () => Date;
  stores: readonly Store[];
  resign: (store: Store, key: SigningKey) => Promise<void>;
  changeOf: (store: Store) => Promise<ChangeKeys & { keys: KeySet }>;
}

/** Where the new key lies until every store knows it. */
const nextName = `${defaultKeyName}.next`;

/**
 * Puts a new key in the place of the one called `default`. In each store: lets the new one in, signs everything that is signed for now
 * with it, and only then ends the old one, so that a reader finds a right signature at every moment. What broke off goes on where it was.
 * @throws AppError NOT_FOUND, USAGE, NOT_TRUSTED
 */
export async function rotateKey(rotation: Rotation): Promise<{ before: PublicKey; after: PublicKey }> {
  const { keysDir, now, stores } = rotation;
  const own = await readKey(keysDir, defaultKeyName);
  if (own === undefined) {
    throw new AppError('NOT_FOUND', `There is no key ${defaultKeyName} in ${keysDir} that could be replaced`, {
      hint: 'gabarit key new makes one.',
    });
  }
  if (stores.length === 0)
    throw new AppError('USAGE', 'A key is rotated in the stores that know it', {
      hint: 'Name all of them: --store URL, as often as needed.',
    });
  // A store that was forgotten at an earlier rotation still waits for the key that is called default now.
  const lagging = await areLagging(rotation, own.key);
  const next = lagging
    ? own
    : ((await readKey(keysDir, nextName)) ?? (await makeKey(keysDir, nextName, now(), own.key.public.name)));
  let before = own.key.public;
  for (const store of stores) before = await replaceIn(store, next.key, own.key, rotation);
  if (!lagging) {
    await renameKey(
      keysDir,
      defaultKeyName,
      `${defaultKeyName}.${own.key.public.id.slice('sha256:'.length, 'sha256:'.length + 8)}`,
    );
    await renameKey(keysDir, nextName, defaultKeyName);
  }
  return { before, after: next.key.public };
}

async function areLagging({ stores, changeOf }: Rotation, own: SigningKey): Promise<boolean> {
  let lagging = 0;
  for (const store of stores) {
    const { keys } = await changeOf(store);
    if (memberOf(keys, own.public.id)?.status !== 'active') lagging += 1;
  }
  if (lagging > 0 && lagging < stores.length) {
    throw new AppError('USAGE', `The key ${own.public.id} is new to some of these stores, and not to others`, {
      hint: 'Rotate those first that do not know it yet, by themselves.',
    });
  }
  return lagging > 0;
}

/** The key that was replaced. */
async function replaceIn(store: Store, next: SigningKey, own: SigningKey, { changeOf, resign }: Rotation): Promise<PublicKey> {
  const found = await changeOf(store);
  const held = found.signers.map((key) => key.public.id);
  const old = found.keys.keys.filter(
    ({ key, status }) => status === 'active' && key.id !== next.public.id && held.includes(key.id),
  );
  // The key of the same machine under another name stays: only what was called default is replaced.
  const replaced = old.filter(({ key }) => key.id === own.public.id || key.name === own.public.name);
  const signers = [...found.signers, next];
  await addKey(next.public, { ...found, signers });
  await resign(store, next);
  for (const { key } of replaced) await retireKey(key.id, { ...found, signers });
  return replaced[0]?.key ?? own.public;
}
