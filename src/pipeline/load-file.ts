import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AppError, errnoOf, toAppError } from '../util/errors.ts';
import { nearMatches } from '../util/suggest.ts';

/** Endings of definitions. */
const endings = ['.yaml', '.yml', '.ts'];
const namePattern = /^[a-z0-9][a-z0-9._-]{0,62}$/;

export function isTemplateName(text: string): boolean {
  return namePattern.test(text);
}

/** The name that a file name stands for; undefined when it is not a definition. */
export function templateNameOf(file: string): string | undefined {
  const name = basename(file);
  if (/\.(test|d)\.ts$/.test(name)) return undefined;
  const ending = endings.find((candidate) => name.endsWith(candidate));
  return ending === undefined ? undefined : name.slice(0, -ending.length);
}

/** Definitions in a folder, by name, sorted; none when the folder does not exist. */
export async function definitionsIn(folder: string): Promise<{ name: string; file: string }[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => ({ name: templateNameOf(entry.name), file: join(folder, entry.name) }))
      .filter((entry): entry is { name: string; file: string } => entry.name !== undefined && isTemplateName(entry.name))
      .toSorted((a, b) => (a.file < b.file ? -1 : 1));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw toAppError(error, 'CONFIG_INVALID', `Cannot read the folder of templates ${folder}`);
  }
}

/** Whether a person means a file rather than a name. */
export function isPath(nameOrPath: string): boolean {
  return nameOrPath.includes('/') || endings.some((ending) => nameOrPath.endsWith(ending));
}

/**
 * Finds a definition by name in the first folder that has it, leaving `except` out.
 * @throws AppError TEMPLATE_NOT_FOUND, with near names; CONFLICT when a folder has two of that name
 */
export async function findDefinition(name: string, folders: readonly string[], except?: string): Promise<string> {
  const known: string[] = [];
  for (const folder of folders) {
    const definitions = (await definitionsIn(folder)).filter(({ file }) => file !== except);
    const found = definitions.filter((definition) => definition.name === name);
    if (found.length > 1) {
      throw new AppError('CONFLICT', `Two definitions have the name ${name}: ${found.map(({ file }) => file).join(' and ')}`, {
        hint: 'Remove or rename one of them.',
      });
    }
    if (found[0]) return found[0].file;
    known.push(...definitions.map((definition) => definition.name));
  }
  const near = nearMatches(name, known);
  throw new AppError(
    'TEMPLATE_NOT_FOUND',
    `There is no template ${JSON.stringify(name)} in ${folders.join(', ') || 'any folder'}`,
    {
      hint: near.length > 0 ? `Did you mean ${near.join(' or ')}?` : '"gabarit templates" lists what there is.',
      details: { near, folders },
    },
  );
}

/**
 * Reads at most `limit` bytes and one more of a regular file, so that the caller can tell that it is too large.
 * @throws AppError TEMPLATE_NOT_FOUND when there is no such file, TEMPLATE_INVALID when it is not one
 */
export async function readLimited(path: string, limit: number): Promise<Uint8Array> {
  try {
    // Without O_NONBLOCK the open of a named pipe would wait for its writer.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw new AppError('TEMPLATE_INVALID', `${path} is not a file`);
      const buffer = Buffer.alloc(Math.min(limit, stat.size) + 1);
      let length = 0;
      for (;;) {
        const { bytesRead } = await file.read(buffer, length, buffer.length - length);
        length += bytesRead;
        if (bytesRead === 0 || length === buffer.length) return buffer.subarray(0, length);
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      throw new AppError('TEMPLATE_NOT_FOUND', `There is no file ${path}`, {
        cause: error,
        hint: 'Give the path of a definition, or a name that "gabarit templates" lists.',
      });
    }
    throw toAppError(error, 'TEMPLATE_INVALID', `Cannot read ${path}`);
  }
}
