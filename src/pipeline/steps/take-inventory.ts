import type { Rootfs } from '../../model/check.ts';
import type { Format } from '../../model/format.ts';
import type { Inventory } from '../../model/inventory.ts';
import type { PackageFacts } from '../../model/package-facts.ts';
import type { Step } from '../ledger.ts';
import type { OpenSubject } from './check-offline.ts';
import type { Converted } from './convert.ts';

/** What is in an image: to compare it with others, and to list its components. */
export interface Stock {
  inventory: Inventory;
  packages: PackageFacts[];
}

export type TakeStock = (rootfs: Rootfs) => Promise<Stock>;

/** Writes down what is in the image, from the bytes that would be published. */
export function inventoryStep(
  take: TakeStock,
  format: Format,
  artifact: Converted,
  openSubject: OpenSubject,
): Step<{ artifact: string }, Stock> {
  return {
    id: 'inventory',
    title: 'Taking stock',
    revision: 2,
    async run() {
      const opened = await openSubject(artifact.path, format);
      try {
        return await take(opened.subject.rootfs);
      } finally {
        await opened.close();
      }
    },
    files: () => [],
  };
}
