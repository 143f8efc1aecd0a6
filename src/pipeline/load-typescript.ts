import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import type { Fault } from '../util/errors.ts';
import { faultAt } from './load-faults.ts';
import type { Entry, Path, Place, Tree } from './load-tree.ts';
import { pathText } from './load-tree.ts';

const maxDepth = 50;

/** Runs a definition in TypeScript and takes its export `template`. Such a file is a program of the person who builds. */
export async function importDefinition(file: string): Promise<{ tree: Tree | undefined; faults: Fault[] }> {
  const place: Place = { file };
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  } catch (error) {
    // Whatever the program throws is a fault of the definition.
    const reason = stripVTControlCharacters(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
    return { tree: undefined, faults: [faultAt(place, `could not be run: ${reason.replace(/\s+/g, ' ').trim()}`)] };
  }
  if (module.template === undefined) {
    const hint = 'Write: export const template = defineTemplate({ … });';
    return { tree: undefined, faults: [faultAt(place, 'does not export "template"', hint)] };
  }
  const faults: Fault[] = [];
  const tree = treeOfValue(module.template, place, [], faults);
  if (tree.kind !== 'map') faults.push(faultAt(place, 'template: must be an object'));
  return { tree: faults.length > 0 ? undefined : tree, faults };
}

function treeOfValue(value: unknown, place: Place, path: Path, faults: Fault[]): Tree {
  if (path.length > maxDepth) {
    faults.push(faultAt(place, `is nested deeper than ${maxDepth} levels`));
  } else if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return { kind: 'scalar', place, value };
  } else if (Array.isArray(value)) {
    return { kind: 'list', place, items: value.map((item, index) => treeOfValue(item, place, [...path, index], faults)) };
  } else if (typeof value === 'object') {
    const entries = new Map<string, Entry>();
    for (const [key, item] of Object.entries(value)) {
      if (item !== undefined) entries.set(key, { key: place, value: treeOfValue(item, place, [...path, key], faults) });
    }
    return { kind: 'map', place, entries };
  } else {
    faults.push(faultAt(place, `${pathText(path)}: must be plain data, found a ${typeof value}`));
  }
  return { kind: 'scalar', place, value: null };
}
