import type { Catalog } from '../model/catalog.ts';
import { parseDocument } from '../model/document.ts';
import { type Inventory, inventorySchema } from '../model/inventory.ts';
import { evidenceOf } from './evidence-of.ts';

const file = 'inventory.json';

/** The inventory of an image: of an output folder (whatever has a slash), else of a reference into the catalog. @throws AppError NOT_FOUND, DIGEST_MISMATCH */
export async function inventoryOf(name: string, catalog: Catalog | undefined): Promise<Inventory> {
  const hint = 'It was built before Gabarit took stock of its images: build it again to compare it.';
  const bytes = await evidenceOf(name, catalog, file, hint);
  return parseDocument(bytes.toString(), inventorySchema, 'gabarit.inventory/1', `${file} of ${name}`);
}
