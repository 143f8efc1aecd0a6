import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseAllDocuments } from 'yaml';
import type { Fault } from '../../../../util/errors.ts';
import type { Entry, MapTree, Place, Scalar, Tree } from '../../../load-tree.ts';

/** Aliases may make a small file large. */
const mostNodes = 50_000;

/**
 * Reads a file of GitLab CI: other than definitions and workflows it may have aliases, merge keys, `!reference`, and a first document with its
 * inputs. What `!reference` names is looked at where it stands, and is empty here.
 */
export function readGitlabYaml(text: string, file: string): { tree: MapTree } | { faults: Fault[] } {
  const lines = new LineCounter();
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    version: '1.2',
    merge: false,
    uniqueKeys: false,
    logLevel: 'silent',
  });
  const list = Array.isArray(documents) ? documents : [];
  const faults = list.flatMap(({ errors }) =>
    errors.map(({ message, pos: [offset] }) => ({
      ...at(offset),
      message: `is not valid YAML: ${message.split('\n')[0] ?? ''}`,
    })),
  );
  const document = list.at(-1);
  if (faults.length > 0 || !document?.contents) return { faults: faults.length > 0 ? faults : [{ file, message: 'is empty' }] };
  let nodes = 0;
  const open = new Set<Node>();

  function convert(node: unknown, fallback: Place): Tree {
    const nothing: Tree = { kind: 'scalar', place: fallback, value: null };
    nodes += 1;
    if (nodes > mostNodes) return nothing;
    if (isAlias(node)) {
      const target = node.resolve(document!);
      return target && !open.has(target) ? convert(target, fallback) : nothing;
    }
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return nothing;
    const place = isScalar(node) && node.source === '' ? fallback : at(node.range?.[0] ?? 0);
    if (isScalar(node)) return { kind: 'scalar', place, value: node.value as Scalar };
    open.add(node);
    try {
      if (isSeq(node)) {
        const items = node.tag === '!reference' ? [] : node.items.map((item) => convert(item, place));
        return { kind: 'list', place, items };
      }
      const entries = new Map<string, Entry>();
      for (const { key, value } of node.items) {
        if (!isScalar(key)) continue;
        const keyPlace = at(key.range?.[0] ?? 0);
        const tree = convert(value, keyPlace);
        if (key.value !== '<<') entries.set(String(key.value), { key: keyPlace, value: tree });
        // What the map says itself counts more.
        else for (const [name, entry] of mergedEntries(tree)) if (!entries.has(name)) entries.set(name, entry);
      }
      return { kind: 'map', place, entries };
    } finally {
      open.delete(node);
    }
  }

  const tree = convert(document.contents, at(0));
  if (nodes > mostNodes) return { faults: [{ ...at(0), message: 'becomes too large when its aliases are written out' }] };
  return tree.kind === 'map' ? { tree } : { faults: [{ ...at(0), message: 'is no map of jobs' }] };
}

/** A merge key takes a map, or several of which the first one counts. */
function mergedEntries(tree: Tree): [string, Entry][] {
  if (tree.kind === 'map') return [...tree.entries];
  return tree.kind === 'list' ? tree.items.toReversed().flatMap(mergedEntries).toReversed() : [];
}
