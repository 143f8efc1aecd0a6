import type { Entry, MapTree, Tree } from './load-tree.ts';

/** Keys that say something of one file alone. */
const ownKeys = new Set(['name', 'extends', 'abstract']);

/** Lists that a child adds to, with the key by which an item of the child replaces parts of the parent's item of the same name. */
const appended: Record<string, string | undefined> = {
  'packages.add': undefined,
  'packages.remove': undefined,
  repositories: 'name',
  provisioning: 'step',
};

/** A template laid over the one that it extends. Every value keeps its own place. */
export function mergeTemplates(parent: MapTree, child: MapTree): MapTree {
  const inherited = new Map([...parent.entries].filter(([key]) => !ownKeys.has(key)));
  return mergeMaps({ ...parent, entries: withoutUndone(inherited, child) }, child, '');
}

function mergeMaps(parent: MapTree, child: MapTree, path: string): MapTree {
  const entries = new Map(parent.entries);
  for (const [key, entry] of child.entries) {
    const before = entries.get(key);
    const value = before ? mergeValues(before.value, entry.value, path === '' ? key : `${path}.${key}`) : entry.value;
    entries.set(key, { key: entry.key, value });
  }
  return { kind: 'map', place: child.place, entries };
}

function mergeValues(parent: Tree, child: Tree, path: string): Tree {
  if (parent.kind === 'map' && child.kind === 'map') return mergeMaps(parent, child, path);
  if (parent.kind === 'list' && child.kind === 'list' && Object.hasOwn(appended, path)) {
    return { kind: 'list', place: child.place, items: appendItems(parent.items, child.items, appended[path]) };
  }
  return child;
}

function appendItems(parent: Tree[], child: Tree[], identity: string | undefined): Tree[] {
  const items = [...parent];
  for (const item of child) {
    const name = identity === undefined ? undefined : scalarAt(item, identity);
    const at = name === undefined ? -1 : parent.findIndex((candidate) => scalarAt(candidate, identity as string) === name);
    const before = items[at];
    if (before?.kind === 'map' && item.kind === 'map' && before === parent[at]) items[at] = mergeMaps(before, item, '[]');
    else items.push(item);
  }
  return items;
}

function scalarAt(tree: Tree, key: string): unknown {
  const value = tree.kind === 'map' ? tree.entries.get(key)?.value : undefined;
  return value?.kind === 'scalar' ? value.value : undefined;
}

/** A package that the child removes is no longer added by its parent, and the other way round. */
function withoutUndone(parent: Map<string, Entry>, child: MapTree): Map<string, Entry> {
  const packages = parent.get('packages');
  const changes = child.entries.get('packages')?.value;
  if (packages?.value.kind !== 'map' || changes?.kind !== 'map') return parent;
  const lists = new Map(packages.value.entries);
  for (const [list, opposite] of [
    ['add', 'remove'],
    ['remove', 'add'],
  ] as const) {
    const entry = lists.get(list);
    const undone = changes.entries.get(opposite)?.value;
    if (entry?.value.kind !== 'list' || undone?.kind !== 'list') continue;
    const names = new Set(undone.items.map((item) => (item.kind === 'scalar' ? item.value : undefined)));
    const items = entry.value.items.filter((item) => item.kind !== 'scalar' || !names.has(item.value));
    lists.set(list, { ...entry, value: { ...entry.value, items } });
  }
  return new Map(parent).set('packages', { ...packages, value: { ...packages.value, entries: lists } });
}
