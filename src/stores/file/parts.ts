import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ignoreAbsent } from './safe-path.ts';

/** Unfinished writes lie apart from the objects, where no reader looks, until they get their name by link() or rename(). */

const dayMs = 24 * 60 * 60 * 1000;

function partsFolder(root: string): string {
  return join(root, '.gabarit', 'parts');
}

/** Writes a body to a new part file, and returns its path. Nothing is left when it fails. */
export async function writePart(root: string, body: AsyncIterable<Uint8Array>): Promise<string> {
  await mkdir(partsFolder(root), { recursive: true });
  const path = join(partsFolder(root), `${randomUUID()}.part`);
  try {
    const file = await open(path, 'wx', 0o644);
    try {
      for await (const chunk of body) await file.writeFile(chunk);
    } finally {
      await file.close();
    }
    return path;
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
}

/** Flushes a part to the disk; it may have its name only after this. */
export async function syncPart(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Removes the parts that killed writers left more than a day ago. */
export async function sweepParts(root: string, now = Date.now()): Promise<void> {
  const folder = partsFolder(root);
  for (const name of (await readdir(folder).catch(ignoreAbsent)) ?? []) {
    const path = join(folder, name);
    const found = await stat(path).catch(ignoreAbsent);
    if (found && now - found.mtimeMs > dayMs) await rm(path, { force: true });
  }
}
