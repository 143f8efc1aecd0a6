import { z } from 'zod';

/** What is in an image, in plain lists: read from its finished disk, and kept as evidence beside it, so that two images can be compared. */

export const inventorySchema = z.looseObject({
  schema: z.literal('gabarit.inventory/1'),
  /** Versions by `name:architecture`. */
  packages: z.record(z.string(), z.string()),
  units: z.looseObject({
    /** Units that something starts at boot. */
    enabled: z.array(z.string()),
    masked: z.array(z.string()),
  }),
  /** What waits for connections, as the configuration says: `22/tcp ssh`. */
  ports: z.array(z.string()),
  users: z.record(
    z.string(),
    z.looseObject({
      uid: z.int(),
      shell: z.string(),
      password: z.enum(['locked', 'set', 'empty']),
      /** Further groups, sorted. */
      groups: z.array(z.string()),
    }),
  ),
  /** Lines of sudo's configuration that allow something: `/etc/sudoers: %sudo ALL=(ALL:ALL) ALL`. */
  sudoers: z.array(z.string()),
  /** Programs that run with the rights of another user: `4755 0:0` by path. */
  setuid: z.record(z.string(), z.string()),
  kernelArguments: z.array(z.string()),
  /** Bytes of the files below each folder of the first two levels. */
  folders: z.record(z.string(), z.int()),
});
export type Inventory = z.infer<typeof inventorySchema>;

export interface Changes<T> {
  added: Record<string, T>;
  removed: Record<string, T>;
  changed: Record<string, { from: T; to: T }>;
}

/** What the second image has that the first one has not, and the other way round. */
export interface InventoryDiff {
  packages: Changes<string>;
  enabledUnits: Changes<true>;
  maskedUnits: Changes<true>;
  ports: Changes<true>;
  users: Changes<string>;
  sudoers: Changes<true>;
  setuid: Changes<string>;
  kernelArguments: Changes<true>;
  /** Bytes more or fewer, the largest difference first. */
  folders: { folder: string; from: number; to: number }[];
}

export function diffInventories(from: Inventory, to: Inventory): InventoryDiff {
  const folders = [...new Set([...Object.keys(from.folders), ...Object.keys(to.folders)])]
    .map((folder) => ({ folder, from: from.folders[folder] ?? 0, to: to.folders[folder] ?? 0 }))
    .filter((item) => item.from !== item.to)
    .toSorted((a, b) => Math.abs(b.to - b.from) - Math.abs(a.to - a.from) || (a.folder < b.folder ? -1 : 1));
  return {
    packages: changesOf(from.packages, to.packages),
    enabledUnits: changesOf(asSet(from.units.enabled), asSet(to.units.enabled)),
    maskedUnits: changesOf(asSet(from.units.masked), asSet(to.units.masked)),
    ports: changesOf(asSet(from.ports), asSet(to.ports)),
    users: changesOf(usersOf(from), usersOf(to)),
    sudoers: changesOf(asSet(from.sudoers), asSet(to.sudoers)),
    setuid: changesOf(from.setuid, to.setuid),
    kernelArguments: changesOf(asSet(from.kernelArguments), asSet(to.kernelArguments)),
    folders,
  };
}

function asSet(items: readonly string[]): Record<string, true> {
  return Object.fromEntries(items.map((item) => [item, true]));
}

function usersOf({ users }: Inventory): Record<string, string> {
  return Object.fromEntries(
    Object.entries(users).map(([name, { uid, shell, password, groups }]) => [
      name,
      [`uid ${uid}`, shell, `password ${password}`, ...(groups.length > 0 ? [`groups ${groups.join(',')}`] : [])].join(', '),
    ]),
  );
}

export function changesOf<T>(from: Record<string, T>, to: Record<string, T>): Changes<T> {
  const changes: Changes<T> = { added: {}, removed: {}, changed: {} };
  for (const name of [...new Set([...Object.keys(from), ...Object.keys(to)])].toSorted()) {
    const before = Object.hasOwn(from, name) ? from[name] : undefined;
    const after = Object.hasOwn(to, name) ? to[name] : undefined;
    if (before === undefined && after !== undefined) changes.added[name] = after;
    else if (after === undefined && before !== undefined) changes.removed[name] = before;
    else if (before !== undefined && after !== undefined && before !== after) changes.changed[name] = { from: before, to: after };
  }
  return changes;
}

export function isEmptyDiff({ folders, ...rest }: InventoryDiff): boolean {
  return (
    folders.length === 0 &&
    Object.values(rest).every((changes: Changes<unknown>) =>
      [changes.added, changes.removed, changes.changed].every((part) => Object.keys(part).length === 0),
    )
  );
}
