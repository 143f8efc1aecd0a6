import type { Annotation } from '../../../model/ci.ts';
import { type MapTree, type Path, type Place, type Tree, treeAt } from '../../load-tree.ts';
import { publishing } from './patterns.ts';

/** A workflow as the rules see it: every value still knows where it was written. */
export interface Workflow {
  file: string;
  lines: readonly string[];
  root: MapTree;
  /** Names of the events that start it. */
  triggers: ReadonlySet<string>;
  jobs: Job[];
}

export interface Job {
  id: string;
  place: Place;
  tree: MapTree;
  condition: string;
  needs: string[];
  steps: Step[];
}

export interface Step {
  tree: MapTree;
  place: Place;
  /** `owner/name@ref` */
  uses: string | undefined;
  run: string | undefined;
}

/** What a rule found, at its place. */
export interface Finding {
  place: Place;
  message: string;
}

export interface Rule {
  id: string;
  /** What to do about it. */
  hint: string;
  find(workflow: Workflow): Finding[];
}

export function readWorkflow(file: string, text: string, root: MapTree): Workflow {
  const jobs = treeAt(root, ['jobs']);
  return {
    file,
    lines: text.split('\n'),
    root,
    triggers: new Set(namesOf(treeAt(root, ['on']))),
    jobs:
      jobs?.kind === 'map'
        ? [...jobs.entries].flatMap(([id, { key, value }]) => (value.kind === 'map' ? [jobOf(id, key, value)] : []))
        : [],
  };
}

function jobOf(id: string, place: Place, tree: MapTree): Job {
  const steps = treeAt(tree, ['steps']);
  return {
    id,
    place,
    tree,
    condition: textAt(tree, ['if']) ?? '',
    needs: namesOf(treeAt(tree, ['needs'])),
    steps: steps?.kind === 'list' ? steps.items.flatMap((item) => (item.kind === 'map' ? [stepOf(item)] : [])) : [],
  };
}

function stepOf(tree: MapTree): Step {
  return { tree, place: tree.place, uses: textAt(tree, ['uses']), run: textAt(tree, ['run']) };
}

/** A text, a list of texts, or the keys of a map. */
export function namesOf(tree: Tree | undefined): string[] {
  if (!tree) return [];
  if (tree.kind === 'map') return [...tree.entries.keys()];
  return (tree.kind === 'list' ? tree.items : [tree]).flatMap((item) => (item.kind === 'scalar' ? [String(item.value)] : []));
}

export function textAt(tree: Tree, path: Path): string | undefined {
  const found = treeAt(tree, path);
  return found?.kind === 'scalar' && found.value !== null ? String(found.value) : undefined;
}

/** Every text below a tree, with its path. */
export function textsIn(tree: Tree | undefined, path: Path = []): { path: Path; text: string; place: Place }[] {
  if (!tree) return [];
  if (tree.kind === 'scalar') return [{ path, text: String(tree.value ?? ''), place: tree.place }];
  if (tree.kind === 'list') return tree.items.flatMap((item, at) => textsIn(item, [...path, at]));
  return [...tree.entries].flatMap(([key, { value }]) => textsIn(value, [...path, key]));
}

/** Where a piece of a text stands: in a block, lines below the place where the block begins. */
export function placeWithin({ lines }: Pick<Workflow, 'lines'>, place: Place, piece: string): Place {
  const from = (place.line ?? 1) - 1;
  for (let at = from; at < lines.length; at += 1) {
    const column = (lines[at] ?? '').indexOf(piece, at === from ? (place.column ?? 1) - 1 : 0);
    if (column !== -1) return { ...place, line: at + 1, column: column + 1 };
  }
  return place;
}

const hosted = /^(ubuntu|windows|macos)-/;

/** Labels that a job asks for; an expression is one of them. */
export function labelsOf(job: Job): string[] {
  const tree = treeAt(job.tree, ['runs-on']);
  if (tree?.kind === 'map') return [...namesOf(treeAt(tree, ['labels'])), ...(tree.entries.has('group') ? ['self-hosted'] : [])];
  return namesOf(tree);
}

/** It runs, or may run, on a machine of the owner's own. */
export function isSelfHosted(job: Job): boolean {
  const labels = labelsOf(job);
  return labels.length > 0 && !labels.every((label) => hosted.test(label));
}

export function runsOnPlace(job: Job): Place {
  return treeAt(job.tree, ['runs-on'])?.place ?? job.place;
}

const excludesPullRequests = [
  /github\.event_name\s*!=\s*'pull_request'/,
  /github\.event_name\s*==\s*'(push|schedule|workflow_dispatch|release)'/,
  /github\.ref(_name)?\s*==\s*'/,
  /github\.repository\s*==\s*github\.event\.pull_request\.head\.repo\.full_name/,
  /github\.event\.pull_request\.head\.repo\.full_name\s*==\s*github\.repository/,
  /!\s*github\.event\.pull_request\.head\.repo\.fork/,
  /github\.event\.pull_request\.head\.repo\.fork\s*==\s*false/,
];

/** Whether a job runs for what a stranger proposes. One that needs a job which does not is skipped with it. */
export function runsForStrangers(workflow: Workflow, job: Job): boolean {
  return workflow.triggers.has('pull_request') && !excludes(workflow, job, new Set());
}

function excludes(workflow: Workflow, job: Job, seen: Set<string>): boolean {
  if (
    job.condition !== '' &&
    job.condition.split('||').every((part) => excludesPullRequests.some((pattern) => pattern.test(part)))
  )
    return true;
  if (/always\(\)|failure\(\)|cancelled\(\)/.test(job.condition) || seen.has(job.id)) return false;
  seen.add(job.id);
  return workflow.jobs.some((other) => job.needs.includes(other.id) && excludes(workflow, other, seen));
}

/** Commands of a job with their places: its scripts. */
export function scriptsOf(job: Job): { step: Step; run: string; place: Place }[] {
  return job.steps.flatMap((step) => {
    const tree = treeAt(step.tree, ['run']);
    return step.run !== undefined && tree ? [{ step, run: step.run, place: tree.place }] : [];
  });
}

/** It puts images into a catalog, or moves a channel. */
export function publishes(job: Job): boolean {
  return scriptsOf(job).some(({ run }) => publishing.test(run));
}

export function isCheckout(step: Step): boolean {
  return step.uses?.startsWith('actions/checkout@') === true;
}

export function annotationOf(rule: Pick<Rule, 'id' | 'hint'>, { place, message }: Finding): Annotation {
  return { ...place, level: 'error', title: rule.id, message, hint: rule.hint };
}
