import { realpath } from 'node:fs/promises';
import { AppError, type Fault } from '../util/errors.ts';
import { faultAt, invalidTemplate } from './load-faults.ts';
import { findDefinition, isTemplateName, readLimited, templateNameOf } from './load-file.ts';
import { mergeTemplates } from './load-merge.ts';
import type { MapTree, Place, Tree } from './load-tree.ts';
import { importDefinition } from './load-typescript.ts';
import { maxBytes, parseYaml } from './load-yaml.ts';

const maxParents = 8;

export interface Chain {
  tree: MapTree;
  /** What the definition says, and what each that it extends says by itself, the definition first. */
  levels: MapTree[];
  /** The definition and all that it extends, child first. */
  files: string[];
  faults: Fault[];
  /** A parent is missing or unreadable: what the tree lacks may stand there. */
  broken: boolean;
}

interface Parsed {
  tree: Tree | undefined;
  faults: Fault[];
}

/** A text that stands for a file that has not been written yet. */
export interface Unsaved {
  file: string;
  bytes: Uint8Array;
}

async function parseDefinition(file: string, unsaved: Unsaved | undefined): Promise<Parsed> {
  if (unsaved?.file === file) return parseYaml(unsaved.bytes, file);
  if (file.endsWith('.ts')) return importDefinition(file);
  return parseYaml(await readLimited(file, maxBytes), file);
}

/**
 * Reads a definition with everything that it extends and lays them over each other.
 * @throws AppError TEMPLATE_NOT_FOUND; TEMPLATE_INVALID when the file itself cannot be read as data
 */
export async function loadChain(
  file: string,
  folders: readonly string[],
  signal?: AbortSignal,
  unsaved?: Unsaved,
): Promise<Chain> {
  const files: string[] = [];
  const trees: MapTree[] = [];
  const faults: Fault[] = [];
  const seen = new Set<string>();
  let broken = false;
  for (let next: string | undefined = file; next !== undefined; ) {
    signal?.throwIfAborted();
    const parsed: Parsed = await parseDefinition(next, unsaved);
    files.push(next);
    seen.add(unsaved?.file === next ? next : await realpath(next));
    faults.push(...parsed.faults);
    if (parsed.tree?.kind !== 'map') {
      broken = true;
      break;
    }
    trees.push(parsed.tree);
    faults.push(...nameFaults(parsed.tree, next));
    const parent: Parent = await parentOf(parsed.tree, next, folders, seen, trees.length);
    if (parent.fault) {
      faults.push(parent.fault);
      broken = true;
    }
    next = parent.file;
  }
  const [child, ...parents] = trees;
  if (!child) throw invalidTemplate(file, faults);
  const levels = [child, ...parents];
  for (let at = levels.length - 2; at >= 0; at -= 1)
    levels[at] = mergeTemplates(levels[at + 1] as MapTree, levels[at] as MapTree);
  return { tree: levels[0] ?? child, levels, files, faults, broken };
}

interface Parent {
  file?: string;
  fault?: Fault;
}

async function parentOf(
  tree: MapTree,
  file: string,
  folders: readonly string[],
  seen: ReadonlySet<string>,
  depth: number,
): Promise<Parent> {
  const value = tree.entries.get('extends')?.value;
  // Anything but a name is the schema's to refuse.
  if (value?.kind !== 'scalar' || typeof value.value !== 'string' || !isTemplateName(value.value)) return {};
  const refuse = (message: string, hint?: string): Parent => ({ fault: faultAt(value.place, `extends: ${message}`, hint) });
  if (depth > maxParents) return refuse(`more than ${maxParents} templates extend each other`);
  try {
    const found = await findDefinition(value.value, folders, file);
    if (seen.has(found) || seen.has(await realpath(found)))
      return refuse(`${JSON.stringify(value.value)} extends this template again: a circle`);
    return { file: found };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const itself = value.value === templateNameOf(file);
    return itself ? refuse('a template cannot extend itself') : refuse(error.message.replace('There is', 'there is'), error.hint);
  }
}

/** Every file says its own name, and is found by it: a copied file that kept its old name would overwrite the other's images. */
function nameFaults(tree: MapTree, file: string): Fault[] {
  const name = tree.entries.get('name')?.value;
  const wanted = templateNameOf(file) ?? '';
  const place: Place = name?.place ?? tree.place;
  if (!name) return [faultAt(place, 'name: is missing', `Write: name: ${wanted}`)];
  if (name.kind !== 'scalar' || name.value === wanted) return [];
  if (typeof name.value !== 'string') return [];
  return [faultAt(place, `name: must be the name of the file, ${JSON.stringify(wanted)}, found ${JSON.stringify(name.value)}`)];
}
