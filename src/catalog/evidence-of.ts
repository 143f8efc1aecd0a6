import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Catalog } from '../model/catalog.ts';
import { parseImageReference } from '../model/image-reference.ts';
import { manifestSchema } from '../model/manifest.ts';
import { parseDocument } from '../model/document.ts';
import { digestOf } from '../util/digest.ts';
import { AppError, errnoOf } from '../util/errors.ts';

/**
 * A file that proves something of an image, compared with its manifest: of an output folder (whatever has a slash), else of a reference into
 * the catalog. @throws AppError NOT_FOUND, DIGEST_MISMATCH, USAGE
 */
export async function evidenceOf(name: string, catalog: Catalog | undefined, file: string, hint: string): Promise<Buffer> {
  if (/[/\\]|^\.+$/.test(name)) return evidenceIn(name, file, hint);
  if (!catalog) {
    throw new AppError('USAGE', `In which store is ${name}?`, {
      hint: `Give --store; an output folder is written as ./${name}.`,
    });
  }
  return catalog.evidence(parseImageReference(name), file).catch((error: unknown) => {
    const isFile = error instanceof AppError && error.code === 'NOT_FOUND' && error.message.endsWith(file);
    throw isFile ? without(name, file, hint, error) : error;
  });
}

async function evidenceIn(folder: string, file: string, hint: string): Promise<Buffer> {
  const read = (name: string): Promise<Buffer> =>
    readFile(join(folder, name)).catch((cause: unknown) => {
      if (errnoOf(cause) !== 'ENOENT' && errnoOf(cause) !== 'ENOTDIR') throw cause;
      if (name === file) throw without(folder, file, hint, cause);
      throw new AppError('NOT_FOUND', `There is no ${name} in ${folder}`, { cause, hint: 'Name the output folder of a build.' });
    });
  const where = join(folder, 'manifest.json');
  const manifest = parseDocument((await read('manifest.json')).toString(), manifestSchema, 'gabarit.manifest/1', where);
  const bytes = await read(file);
  const wanted = manifest.evidence.find(({ name }) => name === file)?.digest;
  if (digestOf(bytes) !== wanted) {
    throw new AppError('DIGEST_MISMATCH', `${join(folder, file)} is not the file that its manifest names`, {
      hint: 'Build it again.',
    });
  }
  return bytes;
}

function without(name: string, file: string, hint: string, cause: unknown): AppError {
  return new AppError('NOT_FOUND', `${name} has no ${file}`, { cause, hint });
}
