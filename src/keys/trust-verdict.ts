import { keysWith } from '../model/key-set.ts';
import type { Store } from '../model/store.ts';
import { AppError } from '../util/errors.ts';
import type { StoreTrust } from './open-trust.ts';

/** What there is to say about the trust in a store. @throws AppError SIGNATURE_INVALID when there is nobody to be trusted */
export function trustVerdict(store: Store, trusted: StoreTrust): { status: 'pass' | 'warn'; message: string } {
  const { keys, by, isFirstUse } = trusted;
  if (keys === undefined) throw new AppError('SIGNATURE_INVALID', `${store.url} has no keys: nothing in it is signed`);
  const names = keysWith(keys, 'active').map(({ id, name }) => `${id} (${name})`);
  if (by === 'first-use' && isFirstUse)
    return { status: 'warn', message: `trusted at first use: compare ${names.join(', ')} with what the publisher says` };
  const how =
    by === 'fingerprint' ? 'by a fingerprint that was given' : by === 'own-key' ? 'by a key of this user' : 'since the first use';
  return { status: 'pass', message: `number ${keys.version}, trusted ${how}: ${names.join(', ')}` };
}
