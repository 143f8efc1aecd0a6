import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Folders } from './gabarit.ts';

/** Empty folders for builds: a cache, an output folder, and one for definitions. */
export async function openFolders(scratch: string, name: string): Promise<Folders> {
  const work = join(scratch, name);
  await rm(work, { recursive: true, force: true });
  const folders = { work, cache: join(work, 'cache'), out: join(work, 'out') };
  for (const folder of [folders.cache, folders.out, join(work, 'templates')]) await mkdir(folder, { recursive: true });
  return folders;
}

export async function closeFolders(folders: Folders): Promise<void> {
  await rm(folders.work, { recursive: true, force: true });
}
