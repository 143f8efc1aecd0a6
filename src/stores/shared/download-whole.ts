import { randomBytes } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { TransferOptions } from '../../model/store.ts';
import { toAppError } from '../../util/errors.ts';
import { finishFile } from '../../util/files.ts';
import { verifiedBody } from './verified-body.ts';

/**
 * Writes what a store gives to a file, which gets its name only when it is there whole and proven. For stores that are near: it
 * always begins at the beginning.
 */
export async function downloadWhole(key: string, body: Readable, path: string, options: TransferOptions): Promise<void> {
  const part = `${path}.${randomBytes(4).toString('hex')}.part`;
  try {
    const file = await open(part, 'wx', 0o644);
    try {
      for await (const chunk of verifiedBody(key, body, options)) await file.writeFile(chunk);
    } finally {
      await file.close();
    }
    await finishFile(part, path);
  } catch (error) {
    await rm(part, { force: true });
    throw toAppError(error, 'STORE_FAILED', `Cannot write ${key} to ${path}`);
  } finally {
    body.destroy();
  }
}
