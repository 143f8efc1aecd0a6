import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exec } from '../src/util/exec.ts';

const root = join(import.meta.dirname, '..');

/** The text files that git tracks, with their content. A clone made by another user is read too. */
export async function trackedFiles(): Promise<Map<string, string>> {
  const { stdout } = await exec(['git', '-c', `safe.directory=${root}`, '-C', root, 'ls-files', '-z']);
  const files = new Map<string, string>();
  for (const name of stdout.split('\0').map((entry) => entry.trim())) {
    const content = name === '' ? undefined : readIfThere(join(root, name));
    if (content !== undefined && !content.includes('\0')) files.set(name, content);
  }
  return files;
}

/** A file that is deleted but not yet committed is no file. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
