import type { TemplateIndex } from '../model/catalog.ts';
import { type KeySet, memberOf } from '../model/key-set.ts';
import type { IndexRead } from '../model/signer.ts';
import { AppError } from '../util/errors.ts';
import { changeState, type ReaderState, readState } from './reader-state.ts';

/** How new a catalog this machine has seen: it refuses to be shown an older one (roll-back), or one that is kept from ageing (freeze). */

export interface IndexMemory {
  stateDir: string;
  url: string;
  keys: KeySet;
  now: Date;
}

/** How exactly the time is remembered: not worth a write at every use. */
const hourMs = 3600 * 1000;

/** What an index says of its own age. */
export type AgedIndex = Pick<TemplateIndex, 'template'> & { sequence: number; expires: string };

/** @throws AppError CATALOG_ROLLED_BACK, CATALOG_EXPIRED */
export async function acceptIndex(index: AgedIndex, read: IndexRead, memory: IndexMemory): Promise<void> {
  const { stateDir, url } = memory;
  const state = await readState(stateDir, url);
  refuseOlder(index, read, state, memory);
  if (read.purpose === 'read') refuseExpired(index, state, memory);
  const { template, sequence, expires } = index;
  const known = state.indexes[template];
  if (known?.digest === read.digest && !isLater(state, memory.now, hourMs)) return;
  await changeState(stateDir, url, (now) => {
    refuseOlder(index, read, now, memory);
    const entry = { sequence, expires, digest: read.digest, signedBy: [...read.signedBy] };
    const time = isLater(now, memory.now) ? memory.now.toISOString() : now.time;
    return { ...now, ...(time === undefined ? {} : { time }), indexes: { ...now.indexes, [template]: entry } };
  });
}

function refuseOlder(
  { template, sequence }: AgedIndex,
  { digest, purpose }: IndexRead,
  state: ReaderState,
  memory: IndexMemory,
): void {
  const known = Object.hasOwn(state.indexes, template) ? state.indexes[template] : undefined;
  if (known === undefined || wasForged(known.signedBy, memory.keys)) return;
  if (sequence > known.sequence) return;
  // Where a store knows no compare-and-set, two publishers may give the same number; they put it right with their next writes.
  if (sequence === known.sequence && (digest === known.digest || purpose === 'change')) return;
  const what =
    sequence === known.sequence
      ? `two different indexes with the number ${sequence}`
      : `the index number ${sequence}, and this machine has seen number ${known.sequence}`;
  throw new AppError('CATALOG_ROLLED_BACK', `${memory.url} shows ${what} of ${template}`, {
    hint: 'Somebody has put an older state of the catalog back, perhaps with images that were withdrawn since. Do not use it before you know who and why.',
  });
}

/** Who steals a key can count so far ahead that no honest index is ever newer. What only revoked keys have signed is not remembered. */
function wasForged(signedBy: readonly string[], keys: KeySet): boolean {
  return signedBy.every((id) => memberOf(keys, id)?.status === 'revoked');
}

function refuseExpired({ template, expires }: AgedIndex, state: ReaderState, { url, now }: IndexMemory): void {
  // A clock that was put back does not make an old index good again.
  const time = isLater(state, now) ? now.toISOString() : (state.time ?? '');
  if (time <= expires) return;
  throw new AppError('CATALOG_EXPIRED', `The index of ${template} in ${url} has expired on ${expires}`, {
    hint: `Its publisher renews it: gabarit catalog refresh --store ${url}. Until then somebody may be hiding newer images, or that one was revoked.`,
  });
}

function isLater(state: ReaderState, now: Date, byMs = 0): boolean {
  return state.time === undefined || now.getTime() > Date.parse(state.time) + byMs;
}
