import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Catalog } from '../model/catalog.ts';
import { parseDocument } from '../model/document.ts';
import { parseImageReference } from '../model/image-reference.ts';
import { type Inventory, inventorySchema } from '../model/inventory.ts';
import { manifestSchema } from '../model/manifest.ts';
import { digestOf } from '../util/digest.ts';
import { AppError, errnoOf } from '../util/errors.ts';

const file = 'inventory.json';

/** The inventory of an image: of an output folder (whatever has a slash), else of a reference into the catalog. @throws AppError NOT_FOUND, DIGEST_MISMATCH */
export async function inventoryOf(name: string, catalog: Catalog | undefined): Promise<Inventory> {
  if (/[/\\]|^\.+$/.test(name)) return inventoryIn(name);
  if (!catalog) {
    throw new AppError('USAGE', `In which store is ${name}?`, {
      hint: `Give --store; an output folder is written as ./${name}.`,
    });
  }
  const reference = parseImageReference(name);
  const bytes = await catalog.evidence(reference, file).catch((error: unknown) => {
    throw error instanceof AppError && error.code === 'NOT_FOUND' ? withoutInventory(name, error) : error;
  });
  return parse(bytes, name);
}

async function inventoryIn(folder: string): Promise<Inventory> {
  const read = (name: string): Promise<Buffer> =>
    readFile(join(folder, name)).catch((cause: unknown) => {
      if (errnoOf(cause) !== 'ENOENT' && errnoOf(cause) !== 'ENOTDIR') throw cause;
      if (name === file) throw withoutInventory(folder, cause);
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
  return parse(bytes, folder);
}

function parse(bytes: Buffer, where: string): Inventory {
  return parseDocument(bytes.toString(), inventorySchema, 'gabarit.inventory/1', `${file} of ${where}`);
}

function withoutInventory(name: string, cause: unknown): AppError {
  return cause instanceof AppError && !cause.message.endsWith(file)
    ? cause
    : new AppError('NOT_FOUND', `${name} has no ${file}: it was built before Gabarit took stock of its images`, {
        cause,
        hint: 'Build it again to compare it.',
      });
}
