import type { Rootfs } from '../../model/check.ts';
import type { Format } from '../../model/format.ts';
import type { Inventory } from '../../model/inventory.ts';
import type { Step } from '../ledger.ts';
import type { OpenSubject } from './check-offline.ts';
import type { Converted } from './convert.ts';

/** Writes down what is in the image, from the bytes that would be published. */
export function inventoryStep(
  take: (rootfs: Rootfs) => Promise<Inventory>,
  format: Format,
  artifact: Converted,
  openSubject: OpenSubject,
): Step<{ artifact: string }, Inventory> {
  return {
    id: 'inventory',
    title: 'Taking stock',
    revision: 1,
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
