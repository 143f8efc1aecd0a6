import { type Entry, type MapTree, type Place, type Tree, treeAt } from '../../../load-tree.ts';
import { publishing } from '../patterns.ts';
import { type Finding, namesOf, placeWithin, textAt, textsIn } from '../workflow.ts';

/** A pipeline of GitLab as the rules see it: all its files together, every value with its place. */
export interface Pipeline {
  files: readonly PipelineFile[];
  jobs: PipelineJob[];
}

export interface PipelineFile {
  file: string;
  lines: readonly string[];
  root: MapTree;
}

export interface PipelineJob {
  id: string;
  place: Place;
  /** Begins with a dot: only others that extend it run. */
  hidden: boolean;
  /** With what it takes over by `extends` and `default`. */
  tree: MapTree;
}

export interface PipelineRule {
  id: string;
  /** What to do about it. */
  hint: string;
  find(pipeline: Pipeline): Finding[];
}

const globals = new Set(['default', 'include', 'stages', 'variables', 'workflow', 'spec', 'cache', 'image', 'services']);
const scriptKeys = ['before_script', 'script', 'after_script'];
const notJobs = new Set([...globals, ...scriptKeys]);

export function readPipeline(files: readonly PipelineFile[]): Pipeline {
  const sections = new Map<string, Entry>();
  const defaults = new Map<string, Entry>();
  for (const { root } of files) {
    const given = treeAt(root, ['default']);
    if (given?.kind === 'map') for (const [key, entry] of given.entries) defaults.set(key, entry);
    for (const [key, entry] of root.entries) {
      if (key === 'image' || key === 'services' || scriptKeys.includes(key)) defaults.set(key, entry);
      else if (!notJobs.has(key)) sections.set(key, entry);
    }
  }
  const jobs = [...sections].flatMap(([id, { key, value }]) => {
    if (value.kind !== 'map') return [];
    const entries = new Map(extended(value, sections, new Set([id])));
    const hidden = id.startsWith('.');
    const takesDefaults = !hidden && textAt(value, ['inherit', 'default']) !== 'false';
    if (takesDefaults) for (const [name, entry] of defaults) if (!entries.has(name)) entries.set(name, entry);
    return [{ id, place: key, hidden, tree: { ...value, entries } }];
  });
  return { files, jobs };
}

/** The keys of a job over those of the jobs that it extends, the last one first; variables are added up. */
function extended(job: MapTree, sections: ReadonlyMap<string, Entry>, seen: ReadonlySet<string>): Map<string, Entry> {
  const merged = new Map<string, Entry>();
  const put = (entries: ReadonlyMap<string, Entry>): void => {
    for (const [name, entry] of entries) {
      const { value } = entry;
      const before = merged.get(name)?.value;
      const sum =
        before?.kind === 'map' && value.kind === 'map'
          ? { ...value, entries: new Map([...before.entries, ...value.entries]) }
          : value;
      merged.set(name, { ...entry, value: sum });
    }
  };
  for (const id of namesOf(treeAt(job, ['extends']))) {
    const base = sections.get(id)?.value;
    if (base?.kind === 'map' && !seen.has(id)) put(extended(base, sections, new Set([...seen, id])));
  }
  put(job.entries);
  return merged;
}

/** Files of the repository that it includes, or that a child pipeline of it is made of. */
export function localIncludes(root: MapTree): string[] {
  const triggers = [...root.entries.values()].map(({ value }) => treeAt(value, ['trigger', 'include']));
  return [treeAt(root, ['include']), ...triggers].flatMap((tree) =>
    (tree?.kind === 'list' ? tree.items : tree ? [tree] : []).flatMap((item) => {
      const path = item.kind === 'scalar' ? String(item.value ?? '') : (textAt(item, ['local']) ?? '');
      return path === '' || /^https?:|[*$]/.test(path) ? [] : [path];
    }),
  );
}

/** Lines of a job's scripts, with their places. */
export function pipelineScripts(job: PipelineJob): { text: string; place: Place }[] {
  return scriptKeys.flatMap((key) => textsIn(treeAt(job.tree, [key])));
}

/** Whatever a pattern finds in scripts. */
export function scriptFindings(
  { files, jobs }: Pipeline,
  pattern: RegExp,
  message: (job: PipelineJob, found: string) => string,
): Finding[] {
  return jobs.flatMap((job) =>
    pipelineScripts(job).flatMap(({ text, place }) =>
      [...text.matchAll(new RegExp(pattern, 'gm'))].map(([found]) => ({
        place: placeWithin({ lines: files.find(({ file }) => file === place.file)?.lines ?? [] }, place, found.trim()),
        message: message(job, found.trim()),
      })),
    ),
  );
}

/** Variables of the pipeline and of its jobs; one may be a text, or a map with `value`. */
export function pipelineVariables({ files, jobs }: Pipeline): { name: string; value: string; place: Place }[] {
  const trees = [...files.map(({ root }) => root), ...jobs.map(({ tree }) => tree)];
  return trees.flatMap((tree) => {
    const variables = treeAt(tree, ['variables']);
    if (variables?.kind !== 'map') return [];
    return [...variables.entries].map(([name, { key, value }]) => ({
      name,
      value: (value.kind === 'map' ? textAt(value, ['value']) : textAt(tree, ['variables', name])) ?? '',
      place: key,
    }));
  });
}

export function publishesImages(job: PipelineJob): boolean {
  return pipelineScripts(job).some(({ text }) => publishing.test(text));
}

/** It runs on a machine of the owner's own: its tags are not those of runners that GitLab hosts. */
export function onOwnRunner(job: PipelineJob): boolean {
  const tags = namesOf(treeAt(job.tree, ['tags']));
  return tags.length > 0 && !tags.every((tag) => tag.startsWith('saas-'));
}

const sameProject = /\$CI_MERGE_REQUEST_SOURCE_PROJECT_(PATH|ID|URL)\s*(==|!=)\s*\$CI_(MERGE_REQUEST_)?PROJECT_(PATH|ID|URL)/;
const mergeRequest = /merge_request_event|\$CI_MERGE_REQUEST_(ID|IID)\b/;

/** Whether a job runs for merge requests out of forks, when a member starts their pipeline in this project. */
export function runsForForks({ files }: Pipeline, job: PipelineJob): boolean {
  const only = namesOf(treeAt(job.tree, ['only']));
  if (only.includes('merge_requests')) return true;
  const rules = treeAt(job.tree, ['rules']);
  if (rules) return rulesAllowForks(rules);
  if (job.tree.entries.has('only')) return false;
  return files.some(({ root }) => rulesAllowForks(treeAt(root, ['workflow', 'rules'])));
}

/** Rules are asked in their order; the first one that fits decides. */
function rulesAllowForks(rules: Tree | undefined): boolean {
  if (rules?.kind !== 'list') return false;
  for (const rule of rules.items) {
    const condition = textAt(rule, ['if']) ?? '';
    const never = textAt(rule, ['when']) === 'never';
    const [, , operator] = sameProject.exec(condition) ?? [];
    if (never && (operator === '!=' || (mergeRequest.test(condition) && operator === undefined))) return false;
    if (!never && mergeRequest.test(condition) && !/!=\s*["']merge_request_event/.test(condition) && operator !== '==')
      return true;
  }
  return false;
}
