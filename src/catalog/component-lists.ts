import type { Catalog } from '../model/catalog.ts';
import { type ComponentList, componentListSchema } from '../model/component-list.ts';
import { AppError } from '../util/errors.ts';
import { evidenceOf } from './evidence-of.ts';

const file = 'sbom.cdx.json';

/** The list of components of an image, as it was written and as far as we read it. @throws AppError NOT_FOUND, DIGEST_MISMATCH, IMAGE_INVALID */
export async function componentsOf(
  name: string,
  catalog: Catalog | undefined,
): Promise<{ written: object; list: ComponentList }> {
  const bytes = await evidenceOf(name, catalog, file, 'It was built before Gabarit listed components: build it again.');
  const written = JSON.parse(bytes.toString()) as object;
  const { data: list, error } = componentListSchema.safeParse(written);
  if (!list)
    throw new AppError('IMAGE_INVALID', `${file} of ${name} is no list of components that is known here`, { cause: error });
  return { written, list };
}
