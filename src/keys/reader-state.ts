import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { parseDocument } from '../model/document.ts';
import { digestOf, shortDigest } from '../util/digest.ts';
import { errnoOf } from '../util/errors.ts';
import { writeJson } from '../util/files.ts';
import { lockFile } from '../util/lock-file.ts';

/** What this machine remembers of a store: the keys that it trusts, and how new a catalog it has seen. One file a store. */

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

export const readerStateSchema = z.looseObject({
  schema: z.literal('gabarit.reader/1'),
  store: z.string(),
  /** The newest key document that was followed to; absent before the first use. */
  keys: z
    .looseObject({
      catalog: z.uuid(),
      version: z.int(),
      digest,
      since: z.iso.datetime(),
      /** Why they were believed at first. */
      by: z.enum(['first-use', 'fingerprint', 'own-key']),
    })
    .optional(),
  /** When an index was last believed: time does not go back, whatever the clock says. */
  time: z.iso.datetime().optional(),
  indexes: z.record(
    z.string(),
    z.looseObject({ sequence: z.int(), expires: z.iso.datetime(), digest, signedBy: z.array(digest) }),
  ),
});
export type ReaderState = z.infer<typeof readerStateSchema>;

export function stateFile(stateDir: string, url: string): string {
  return join(stateDir, 'stores', `${shortDigest(digestOf(url))}.json`);
}

/** @throws AppError CONFIG_INVALID when the file is damaged: what was remembered is not forgotten in silence */
export async function readState(stateDir: string, url: string): Promise<ReaderState> {
  const path = stateFile(stateDir, url);
  try {
    return parseDocument(await readFile(path, 'utf8'), readerStateSchema, 'gabarit.reader/1', path, 'CONFIG_INVALID');
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    return { schema: 'gabarit.reader/1', store: url, indexes: {} };
  }
}

/** Changes what is remembered, one process at a time. `change` gets what is there now, and returns it as it is when nothing changes. */
export async function changeState(
  stateDir: string,
  url: string,
  change: (state: ReaderState) => ReaderState,
): Promise<ReaderState> {
  const path = stateFile(stateDir, url);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await using _ = await lockFile(`${path}.lock`);
  const before = await readState(stateDir, url);
  const after = change(before);
  if (after !== before) await writeJson(path, after);
  return after;
}
