import { chmod, mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { processStart } from '../../jobs/process-tree.ts';
import { writeFileAtomic } from '../../util/files.ts';
import { registerSecret } from '../../util/redact.ts';
import type { Caller } from './caller.ts';
import { hashSecret, newId, newSecret, tokenPrefix } from './secret-text.ts';

/**
 * How commands on the machine of a server reach it without anybody typing a token: a file that only the server's own user can read. Who can
 * read it could as well open the database and the keys beside it. The token lives as long as the process: no database knows it.
 */

/** What the file says. `certificate` is the server's own, when it serves over TLS: it is proven by that, whatever name is in it. */
const localServerSchema = z.object({
  url: z.url(),
  token: z.string().startsWith(tokenPrefix),
  certificate: z.string().optional(),
  pid: z.int(),
  start: z.string(),
});
export type LocalServer = z.infer<typeof localServerSchema>;

export interface LocalAccess {
  find(token: string): Caller | undefined;
  /** Removes the file; the token is void. */
  close(): Promise<void>;
}

export async function openLocalAccess(
  file: string,
  { user, url, certificate }: { user: string; url: string; certificate?: string | undefined },
): Promise<LocalAccess> {
  const token = newSecret(tokenPrefix);
  registerSecret(token);
  const hash = hashSecret(token);
  const id = newId();
  const start = (await processStart(process.pid)) ?? '';
  const local: LocalServer = { url, token, ...(certificate === undefined ? {} : { certificate }), pid: process.pid, start };
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFileAtomic(file, JSON.stringify(local), 0o600);
  await chmod(file, 0o600);
  let isOpen = true;
  return {
    find(given) {
      if (!isOpen || hashSecret(given) !== hash) return undefined;
      const grants = [{ role: 'admin' as const, templates: '*', channels: '*' }];
      return { name: user, kind: 'local', by: 'machine', id, grants, expires: new Date(Date.now() + 3_600_000) };
    },
    async close() {
      isOpen = false;
      // Another server may have begun in this folder.
      if ((await readLocalServer(file))?.token === token) await rm(file, { force: true });
    },
  };
}

/** The server whose process lives and has written this file; undefined when there is none. */
export async function readLocalServer(file: string): Promise<LocalServer | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const local = localServerSchema.parse(JSON.parse(text));
    registerSecret(local.token);
    // One that was killed has left its file behind.
    return (await processStart(local.pid)) === local.start ? local : undefined;
  } catch {
    return undefined; // Not ours, or of another version: as if there were none.
  }
}
