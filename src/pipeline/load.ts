import { dirname } from 'node:path';
import { z } from 'zod';
import { type Distro, findRelease } from '../model/distro.ts';
import { type Engine, refusalsOf } from '../model/engine.ts';
import type { Definition } from '../model/plan.ts';
import { type Template, templateSchema } from '../model/template.ts';
import { type JsonSchema, templateJsonSchema } from '../model/template-json-schema.ts';
import { digestOfFile, digestOfJson } from '../util/digest.ts';
import { AppError, type Fault } from '../util/errors.ts';
import { loadChain, type Unsaved } from './load-chain.ts';
import { faultAt, invalidTemplate, type PathFault, placeFault, supportEnded } from './load-faults.ts';
import { findDefinition, isPath } from './load-file.ts';
import { faultsOfIssues, missing, plainMessage } from './load-issues.ts';
import { checkLocalFiles } from './load-local-files.ts';
import { semanticFaults, semanticWarnings, type TemplateParts, wellFormedParts } from './load-semantics.ts';
import { endOfLifeFaults } from './load-support.ts';
import { keyPlaceOf, type Path, pathText, type Place, placeOf, plainOf, type MapTree, type Tree, treeAt } from './load-tree.ts';

export interface LoadOptions {
  /** Folders of definitions, the first one that has a name wins. */
  folders: readonly string[];
  distros: readonly Distro[];
  /** To check `engine` too: its options, and what it refuses. */
  engines?: readonly Pick<Engine, 'id' | 'options' | 'locksPackages' | 'refuse'>[];
  /** The day by which waivers and releases are judged; now by default. */
  now?: Date;
  /** Accept a release that nobody repairs any more. */
  allowEndOfLife?: boolean | undefined;
  signal?: AbortSignal | undefined;
  /** Read instead of that file, which need not exist. */
  unsaved?: Unsaved;
}

export interface LoadedTemplate {
  template: Template;
  /** The definition, and all files that it was made from, itself first. */
  file: string;
  files: string[];
  /** The definition and those that it extends, itself first, each with a digest of what it says. */
  definitions: Definition[];
  /** Allowed, but to be known: an old release. */
  warnings: Fault[];
  /** Where a value of the template was written; the nearest thing around it for a default. */
  placeOf: (path: Path) => Place;
  /** The absolute path of an own script, file or key, by the path that names it: `['provisioning', 2, 'script']`. */
  localFile: (path: Path) => string;
}

/**
 * Reads a definition by name or path, with all that it extends, and checks everything that can be known without a network.
 * @throws AppError TEMPLATE_NOT_FOUND with near names; TEMPLATE_INVALID with all faults and their places; SUPPORT_ENDED when that is the only one;
 *   CONFLICT; CANCELLED
 */
export async function loadTemplate(nameOrPath: string, options: LoadOptions): Promise<LoadedTemplate> {
  if (options.signal?.aborted) throw new AppError('CANCELLED', `Cancelled: reading ${nameOrPath}`);
  const file = isPath(nameOrPath) ? nameOrPath : await findDefinition(nameOrPath, options.folders);
  // What a definition extends may lie beside it.
  const folders = [...new Set([dirname(file), ...options.folders])];
  const chain = await loadChain(file, folders, options.signal, options.unsaved);
  const { tree, files } = chain;
  const value = plainOf(tree) as Record<string, unknown>;
  const today = (options.now ?? new Date()).toISOString().slice(0, 10);
  const faults = [...chain.faults];
  const add = (found: PathFault[]): void => void faults.push(...found.map((fault) => placeFault(tree, fault)));

  const parsed = templateSchema.safeParse(value, { error: plainMessage });
  // A parent that cannot be read may say what seems to be missing here, and each file's name is checked by itself.
  const incomplete = chain.broken || value.abstract === true;
  const excused = ({ path }: PathFault): boolean => path.length === 1 && (incomplete || path[0] === 'name');
  const issues = parsed.success ? [] : faultsOfIssues(parsed.error.issues, tree, templateJsonSchema());
  add(issues.filter((fault) => fault.message !== missing || !excused(fault)));
  const parts = wellFormedParts(value);
  add(engineFaults(parts, tree, options.engines));
  if (parsed.success) add(engineRefusals(parsed.data, options).map((fault) => movedTo(['distro'], fault, tree)));
  add(semanticFaults(parts, tree, options.distros, today));
  const local = await checkLocalFiles(parts, tree);
  add(local.faults);
  const onlyAbstract = parts.abstract === true && faults.length === 0;
  if (parts.abstract) {
    const hint = 'Build one that extends it, or remove "abstract".';
    faults.push(faultAt(keyPlaceOf(tree, ['abstract']), 'this template is only a base for others', hint));
  }
  const ended = options.allowEndOfLife
    ? []
    : endOfLifeFaults(parts, options.distros, today).map((fault) => placeFault(tree, fault));
  if (parsed.success && faults.length === 0 && ended[0]) throw supportEnded(file, ended[0]);
  faults.push(...ended);
  if (!parsed.success || faults.length > 0) throw invalidTemplate(file, faults, { abstract: onlyAbstract });
  return {
    template: parsed.data,
    file,
    files,
    definitions: await Promise.all(chain.levels.map(definitionOf)),
    warnings: semanticWarnings(parts, options.distros, today).map((warning) => placeFault(tree, warning)),
    placeOf: (path) => placeOf(tree, path),
    localFile: (path) => {
      const found = local.files.get(pathText(path));
      if (found === undefined) throw new TypeError(`${pathText(path)} names no file`);
      return found;
    },
  };
}

/** Its data, and the content of the scripts, files and keys that it names. */
async function definitionOf(tree: MapTree): Promise<Definition> {
  const value = plainOf(tree) as Record<string, unknown>;
  const { files } = await checkLocalFiles(wellFormedParts(value), tree);
  const contents = await Promise.all([...files].map(async ([path, file]) => [path, await digestOfFile(file)] as const));
  return { template: String(value['name']), digest: digestOfJson([value, contents.toSorted(([a], [b]) => (a < b ? -1 : 1))]) };
}

function engineFaults({ engine: chosen }: TemplateParts, tree: Tree, engines: LoadOptions['engines']): PathFault[] {
  const engine = engines?.find(({ id }) => id === chosen?.name);
  const issues = engine?.options.safeParse(chosen?.options, { error: plainMessage }).error?.issues ?? [];
  if (!engine || issues.length === 0) return [];
  const schema = z.toJSONSchema(engine.options, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return faultsOfIssues(issues, tree, schema, ['engine', 'options']);
}

/** A fault of a value that is not written there, for one cannot point at a default. */
function movedTo(path: Path, fault: PathFault, tree: Tree): PathFault {
  return treeAt(tree, fault.path) ? fault : { ...fault, path };
}

/** What the engine could never make of this template. */
function engineRefusals(template: Template, { distros, engines }: LoadOptions): PathFault[] {
  const distro = distros.find(({ id }) => id === template.distro);
  const release = distro && findRelease(distro, template.release);
  if (!engines || !distro || !release) return [];
  const engine = engines.find(({ id }) => id === template.engine.name);
  if (engine) return refusalsOf(engine, { template, distro, release });
  const known = engines.map(({ id }) => id).join(', ');
  return [
    { path: ['engine', 'name'], message: `there is no engine ${template.engine.name} here`, hint: `Known engines: ${known}` },
  ];
}
