import { readFile } from 'node:fs/promises';
import { isAbsolute, join, relative, resolve } from 'node:path';
import type { Annotation, CiEnvironment, TemplateChange } from '../../model/ci.ts';
import type { Catalog } from '../../model/catalog.ts';
import { parseDocument } from '../../model/document.ts';
import { type Plan, planSchema } from '../../model/plan.ts';
import type { StepContext } from '../../model/step.ts';
import { AppError } from '../../util/errors.ts';
import { listTemplates } from '../list-templates.ts';
import { type LoadedTemplate, type LoadOptions, loadTemplate } from '../load.ts';
import { definitionsIn, findDefinition } from '../load-file.ts';
import { versionsIn } from '../output-folder.ts';
import { annotateDefinitions } from './annotate.ts';
import { type BaseCommit, checkOutBase } from './base-commit.ts';
import { readCiEnvironment } from './environment.ts';
import { type Before, findChanges } from './find-changes.ts';
import { writeIdToken } from './id-token.ts';
import { type LintReport, lintWorkflows, workflowsIn } from './lint/lint.ts';
import { newestOutputs, type OutputReport, readOutputs } from './read-outputs.ts';

export interface ChangesRequest {
  /** Compare with the newest published images there. */
  store?: string | undefined;
  /** Compare with the definitions of a commit. Without either: with what the CI system names, else with nothing. */
  base?: string | undefined;
  only?: readonly string[] | undefined;
  formats?: readonly string[] | undefined;
  force: boolean;
  updates: boolean;
  offline: boolean;
}

/** What jobs of a CI system ask. */
export interface Ci {
  environment(): Promise<CiEnvironment>;
  /** Which templates of this repository must be built. @throws AppError NOT_FOUND, TEMPLATE_NOT_FOUND, USAGE */
  changes(request: ChangesRequest, signal: AbortSignal): Promise<TemplateChange[]>;
  /** What is wrong with its definitions, all or those named; with `plan`, also what the mirrors say. */
  annotations(names: readonly string[], options: { plan: boolean; offline: boolean }, signal: AbortSignal): Promise<Annotation[]>;
  /** The built images in some folders, or the newest of each template. */
  outputs(folders: readonly string[]): Promise<OutputReport[]>;
  /** Where the newest image of a template lies that passed its checks; undefined when there is none. */
  newestFolder(template: string): Promise<string | undefined>;
  /** What is dangerous in workflows: in some files, or in those of this repository. @throws AppError NOT_FOUND */
  lint(files: readonly string[]): Promise<LintReport>;
  /** Writes the identity token of the job into a file. @throws AppError CONFIG_INVALID, STORE_DENIED */
  token(file: string, audience: string, signal: AbortSignal): Promise<void>;
}

export interface CiParts {
  load: LoadOptions;
  /** Folders with the definitions of this repository: those of the configuration without the shipped ones. */
  ownFolders: readonly string[];
  outputDir: string;
  /** The working folder, in a clone of the repository. */
  repository: string;
  variables: Readonly<NodeJS.ProcessEnv>;
  makePlan(loaded: LoadedTemplate, options: { offline: boolean }, signal: AbortSignal): Promise<Plan>;
  openCatalog(store: string): Promise<Catalog>;
  inRun<T>(name: string, signal: AbortSignal, work: (ctx: StepContext) => Promise<T>): Promise<T>;
}

export function openCi(parts: CiParts): Ci {
  const { load, ownFolders, variables, outputDir } = parts;
  const environment = (): Promise<CiEnvironment> => readCiEnvironment(variables, (path) => readFile(path, 'utf8'));

  /** Own templates; bases that are only extended are left out. */
  async function ownTemplates(): Promise<{ name: string; file: string }[]> {
    const folders = new Set(ownFolders);
    const all = await listTemplates(load);
    return all.filter(({ file }) => [...folders].some((folder) => !relative(folder, file).startsWith('..')));
  }

  return {
    environment,
    async changes(request, signal) {
      if (request.store !== undefined && request.base !== undefined)
        throw new AppError('USAGE', '--store and --base exclude each other: compare with published images, or with a commit');
      const base = request.store === undefined ? (request.base ?? (await environment()).base) : undefined;
      const plan = async (file: string, options: LoadOptions = load): Promise<Plan> =>
        parts.makePlan(await loadTemplate(file, { ...options, signal }), request, signal);
      return parts.inRun('ci', signal, async ({ workdir }) => {
        const catalog = request.store === undefined ? undefined : await parts.openCatalog(request.store);
        const before = base === undefined ? undefined : await baseFolders(base, parts, workdir, signal);
        return findChanges({
          definitions: await ownTemplates(),
          only: request.only,
          force: request.force,
          updates: request.updates,
          formats: request.formats,
          planOf: (file) => plan(file),
          before: async (name) =>
            catalog ? publishedBefore(catalog, name) : { plan: before && (await planAt(before, name, load, plan)) },
        });
      });
    },
    async annotations(names, { plan, offline }, signal) {
      const definitions = (await Promise.all(ownFolders.map((folder) => definitionsIn(folder)))).flat();
      const files =
        names.length > 0
          ? await Promise.all(names.map((name) => findDefinition(name, ownFolders)))
          : definitions.map(({ file }) => file);
      const options = {
        load: { ...load, signal },
        plan: plan ? (loaded: LoadedTemplate) => parts.makePlan(loaded, { offline }, signal) : undefined,
      };
      return annotateDefinitions(files, options);
    },
    outputs: async (folders) => readOutputs(folders.length > 0 ? folders : await newestOutputs(outputDir)),
    async newestFolder(template) {
      const newest = (await versionsIn(join(outputDir, template))).at(-1);
      return newest === undefined ? undefined : join(outputDir, template, newest);
    },
    lint: async (files) => lintWorkflows(files.length > 0 ? files : await workflowsIn(parts.repository), parts.repository),
    token: (file, audience, signal) => writeIdToken(file, audience, variables, signal),
  };
}

/** Own folders as they were in a commit, in their order. */
async function baseFolders(
  base: string,
  { repository, ownFolders }: CiParts,
  workdir: string,
  signal: AbortSignal,
): Promise<string[]> {
  const paths = ownFolders
    .map((folder) => relative(repository, resolve(folder)))
    .filter((path) => !path.startsWith('..') && !isAbsolute(path));
  const commit: BaseCommit = await checkOutBase(base, paths, { repository, workdir, signal });
  return paths.flatMap((path) => commit.folder(path) ?? []);
}

/** The plan of a definition as it was; one that was not there, or that could not be read then, is as good as none. */
async function planAt(
  folders: readonly string[],
  name: string,
  load: LoadOptions,
  plan: (file: string, options: LoadOptions) => Promise<Plan>,
): Promise<Plan | undefined> {
  const definitions = (await Promise.all(folders.map((folder) => definitionsIn(folder)))).flat();
  const found = definitions.find((definition) => definition.name === name);
  if (!found) return undefined;
  const shipped = load.folders.at(-1);
  try {
    return await plan(found.file, { ...load, folders: [...folders, ...(shipped === undefined ? [] : [shipped])] });
  } catch (error) {
    if (error instanceof AppError && ['TEMPLATE_INVALID', 'TEMPLATE_NOT_FOUND', 'PACKAGE_NOT_FOUND'].includes(error.code))
      return undefined;
    throw error;
  }
}

/** The plan of the newest image that was published and not revoked, and the newest version of all. */
async function publishedBefore(catalog: Catalog, template: string): Promise<Before> {
  const [index] = await catalog.list(template).catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'NOT_FOUND') return [];
    throw error;
  });
  const published = index?.images[0]?.version;
  const newest = index?.images.find(({ revoked }) => !revoked);
  if (!newest) return { plan: undefined, published };
  const bytes = await catalog.evidence({ template, by: 'digest', digest: newest.digest }, 'plan.json');
  const where = `plan.json of ${template}@${newest.version}`;
  return { plan: parseDocument(bytes.toString(), planSchema, 'gabarit.plan/1', where), published };
}
