import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError, errnoOf } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { registerSecret } from '../util/redact.ts';

/** Secrets that the server must be able to use again: AES-256-GCM under a key of its own, bound to the record that they belong to. */
export interface Sealer {
  seal(text: string, record: string): string;
  /** @throws AppError CONFIG_INVALID when it was sealed by another key or for another record */
  open(sealed: string, record: string): string;
}

/** The key lies in a file beside the database, for this user alone; it is made when there is none. */
export async function openSealer(keyFile: string): Promise<Sealer> {
  const key = await readFile(keyFile).catch(async (error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
    const made = randomBytes(32);
    await mkdir(dirname(keyFile), { recursive: true, mode: 0o700 });
    await writeFileAtomic(keyFile, made, 0o600);
    return made;
  });
  if (key.length !== 32)
    throw new AppError('CONFIG_INVALID', `${keyFile} is not a key of 32 bytes`, {
      hint: 'Restore it from a backup: what was encrypted with it is lost otherwise.',
    });
  return {
    seal(text, record) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(record));
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64');
    },
    open(sealed, record) {
      const bytes = Buffer.from(sealed, 'base64');
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12)).setAAD(Buffer.from(record));
        decipher.setAuthTag(bytes.subarray(-16));
        const text = Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]).toString('utf8');
        registerSecret(text);
        return text;
      } catch (cause) {
        throw new AppError('CONFIG_INVALID', `A secret of ${record} cannot be decrypted`, {
          cause,
          hint: `Was ${keyFile} replaced?`,
        });
      }
    },
  };
}
