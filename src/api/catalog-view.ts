import type { Catalog, TemplateIndex } from '../model/catalog.ts';

/** Reading and verifying every index takes a moment: what many requests ask for at once is read once, and is some seconds old. */
export interface CatalogView {
  indexes(): Promise<TemplateIndex[]>;
  index(template: string): Promise<TemplateIndex | undefined>;
  catalog(): Promise<Catalog>;
  /** It was changed here: read it again. */
  forget(): void;
}

const freshMs = 3000;

export function openCatalogView(open: () => Promise<Catalog>, now: () => number = Date.now): CatalogView {
  let read: { at: number; indexes: Promise<TemplateIndex[]> } | undefined;
  let catalog: Promise<Catalog> | undefined;
  let opened = 0;

  const current = async (): Promise<Catalog> => {
    // Trust in keys is looked up anew with each reading.
    if (!catalog || now() - opened >= freshMs) {
      opened = now();
      catalog = open();
    }
    return catalog;
  };
  const indexes = async (): Promise<TemplateIndex[]> => {
    if (!read || now() - read.at >= freshMs) {
      const reading = current().then((found) => found.list());
      read = { at: now(), indexes: reading };
      reading.catch(() => (read = undefined));
    }
    return read.indexes;
  };
  return {
    indexes,
    index: async (template) => (await indexes()).find((index) => index.template === template),
    catalog: current,
    forget() {
      read = undefined;
      catalog = undefined;
    },
  };
}
