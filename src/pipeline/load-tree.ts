/** A definition as data in which every value still knows where it was written. */

/** Where something was written. `line` and `column` count from 1; absent in definitions in TypeScript. */
export interface Place {
  file: string;
  line?: number;
  column?: number;
}

export type Scalar = string | number | boolean | null;

export type Tree =
  | { kind: 'map'; place: Place; entries: Map<string, Entry> }
  | { kind: 'list'; place: Place; items: Tree[] }
  | { kind: 'scalar'; place: Place; value: Scalar /** As written, where that may differ: `0644`. */; source?: string };

export interface Entry {
  /** Where the key stands. */
  key: Place;
  value: Tree;
}

/** Keys and indexes from the root: `['provisioning', 2, 'script']`. */
export type Path = readonly (string | number)[];

export type MapTree = Extract<Tree, { kind: 'map' }>;

/** The same as ordinary data. */
export function plainOf(tree: Tree): unknown {
  if (tree.kind === 'scalar') return tree.value;
  if (tree.kind === 'list') return tree.items.map(plainOf);
  return Object.fromEntries([...tree.entries].map(([key, entry]) => [key, plainOf(entry.value)]));
}

function childOf(tree: Tree, key: string | number): Tree | undefined {
  if (tree.kind === 'map') return tree.entries.get(String(key))?.value;
  return tree.kind === 'list' ? tree.items[Number(key)] : undefined;
}

/** The value at a path. */
export function treeAt(tree: Tree, path: Path): Tree | undefined {
  let at: Tree | undefined = tree;
  for (const key of path) at = at && childOf(at, key);
  return at;
}

/** The place of the value at a path; when there is none, that of the nearest thing around it. */
export function placeOf(tree: Tree, path: Path): Place {
  let at = tree;
  for (const key of path) {
    const child = childOf(at, key);
    if (!child) break;
    at = child;
  }
  return at.place;
}

/** The place of the key that a path ends with. */
export function keyPlaceOf(tree: Tree, path: Path): Place {
  const parent = treeAt(tree, path.slice(0, -1));
  const entry = parent?.kind === 'map' ? parent.entries.get(String(path.at(-1))) : undefined;
  return entry?.key ?? placeOf(tree, path);
}

/** `provisioning[2].script`; a key that is not a plain word stands in quotes. */
export function pathText(path: Path): string {
  return path
    .map((key, index) => {
      if (typeof key === 'number') return `[${key}]`;
      const text = /^[\w-]+$/.test(key) ? key : JSON.stringify(key);
      return index === 0 ? text : `.${text}`;
    })
    .join('');
}
