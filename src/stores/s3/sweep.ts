import type { StoreContext, SweepOptions, SweptUpload } from '../../model/store.ts';
import { checkPrefix } from '../shared/keys.ts';
import { parseAddress } from './address.ts';
import { connect, settingsOf } from './connection.ts';
import { abortUpload, findLeftovers } from './unfinished.ts';

/** Removes unfinished uploads below a prefix of the store, and nothing else; whoever still sends one keeps it. @throws AppError STORE_DENIED */
export async function sweepS3(
  url: string,
  context: StoreContext,
  { prefix, olderThanMs, dryRun, signal }: SweepOptions,
): Promise<SweptUpload[]> {
  checkPrefix(prefix);
  const address = parseAddress(url);
  const connection = connect(settingsOf(address, context), context);
  const leftovers = await findLeftovers(connection, address.prefix + prefix, olderThanMs, signal);
  const swept: SweptUpload[] = [];
  for (const { key, uploadId, begun, touched, parts, bytes } of leftovers) {
    if (!dryRun) await abortUpload(connection, key, uploadId, signal);
    const at = { begun: begun.toISOString(), touched: touched.toISOString() };
    swept.push({ key: key.slice(address.prefix.length), ...at, parts, bytes });
  }
  return swept;
}
