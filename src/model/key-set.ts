import { z } from 'zod';
import { AppError } from '../util/errors.ts';
import { documentSignatureSchema } from './signer.ts';
import { checkPublicKey, type PublicKey, publicKeySchema } from './signing-key.ts';

/**
 * The keys of a catalog, `keys.json`: a chain of documents, each signed by a key of the one before it. Who trusted one of them follows
 * the chain to the newest without being asked again.
 */

export const keysKey = 'keys.json';

/**
 * `active`: signs now. `retired`: no longer signs, and what it signed stays good. `revoked`: nothing that it ever signed is believed,
 * as somebody else may have had it.
 */
const keyStatuses = ['active', 'retired', 'revoked'] as const;
export type KeyStatus = (typeof keyStatuses)[number];

const memberSchema = z.looseObject({
  key: publicKeySchema,
  status: z.enum(keyStatuses),
  /** Since when it has this status. */
  since: z.iso.datetime(),
  reason: z.string().max(1000).optional(),
});
export type KeySetMember = z.infer<typeof memberSchema>;

export const keySetSchema = z.looseObject({
  schema: z.literal('gabarit.keys/1'),
  /** The name of the catalog for ever: what is signed for one catalog is refused in another, also when they share a key. */
  catalog: z.uuid(),
  /** Its place in the chain, from 1. */
  version: z.int().min(1),
  created: z.iso.datetime(),
  /** When the newest of the chain stops being believed; `gabarit catalog refresh` renews it. */
  expires: z.iso.datetime(),
  keys: z.array(memberSchema).min(1).max(100),
});
export type KeySet = z.infer<typeof keySetSchema>;

/** `keys.json` */
export const keyChainSchema = z.looseObject({
  schema: z.literal('gabarit.key-chain/1'),
  /** Oldest first. What is signed is kept as it was read, as signatures are over all of it. */
  chain: z
    .array(z.strictObject({ signed: z.record(z.string(), z.unknown()), signatures: z.array(documentSignatureSchema).max(100) }))
    .min(1)
    .max(10_000),
});
export type KeyChain = z.infer<typeof keyChainSchema>;

export function keysWith(set: KeySet, ...statuses: KeyStatus[]): PublicKey[] {
  return set.keys.filter(({ status }) => statuses.includes(status)).map(({ key }) => key);
}

export function memberOf(set: KeySet, id: string): KeySetMember | undefined {
  return set.keys.find(({ key }) => key.id === id);
}

/** Refuses a set in which a key is twice, is not what its fingerprint says, or in which nobody may sign. @throws AppError IMAGE_INVALID */
export function checkKeySet(set: KeySet, where: string): void {
  for (const { key } of set.keys) checkPublicKey(key, where);
  if (new Set(set.keys.map(({ key }) => key.id)).size !== set.keys.length)
    throw new AppError('IMAGE_INVALID', `${where} names a key twice`);
  if (keysWith(set, 'active').length === 0) throw new AppError('IMAGE_INVALID', `${where} leaves no key that may sign`);
}

/** Why a set must not follow another, or undefined. `signedBy` says which of some keys have signed the next. */
export function faultOfSuccessor(
  before: KeySet,
  next: KeySet,
  signedBy: (keys: readonly PublicKey[]) => string[],
): string | undefined {
  if (next.catalog !== before.catalog) return 'it belongs to another catalog';
  if (next.version !== before.version + 1) return `it is number ${next.version} where ${before.version + 1} must follow`;
  if (signedBy(keysWith(before, 'active')).length === 0) return `no active key of number ${before.version} has signed it`;
  if (signedBy(keysWith(next, 'active')).length === 0) return 'none of its own active keys has signed it';
  const restored = before.keys.find(({ key, status }) => status === 'revoked' && memberOf(next, key.id)?.status !== 'revoked');
  return restored && `it gives the revoked key ${restored.key.id} back its rights`;
}
