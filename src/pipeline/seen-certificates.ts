import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { SeenCertificates } from '../model/target.ts';
import { AppError, errnoOf } from '../util/errors.ts';
import type { Emit } from '../util/events.ts';
import { writeJson } from '../util/files.ts';
import { lockFile } from '../util/lock-file.ts';

const fileSchema = z.record(z.string(), z.string());

/** Certificates that are trusted since they were seen first, by address; in a file of the state folder that people may edit. */
export function seenCertificates(stateDir: string, emit: Emit): SeenCertificates {
  const path = join(stateDir, 'certificates.json');

  async function read(): Promise<Record<string, string>> {
    try {
      return fileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    } catch (cause) {
      if (errnoOf(cause) === 'ENOENT') return {};
      throw new AppError('CONFIG_INVALID', `${path} cannot be read: it holds the certificates that are trusted`, {
        cause,
        hint: 'Correct it. When it is deleted, certificates are trusted as they are seen next.',
      });
    }
  }

  return {
    get: async (host) => (await read())[host],
    async set(host, fingerprint) {
      await mkdir(dirname(path), { recursive: true });
      await using _lock = await lockFile(`${path}.lock`);
      await writeJson(path, { ...(await read()), [host]: fingerprint });
      emit({
        type: 'log',
        level: 'warn',
        message: `${host} is trusted from now on by the certificate that it showed: SHA-256 ${fingerprint}. Compare it with the host's own, or write it into the configuration ("fingerprints:" of the target).`,
      });
    },
  };
}
