import type { Place } from '../../load-tree.ts';
import { treeAt } from '../../load-tree.ts';
import { certificateSwitches, certificatesNotChecked, envFile, pipeToShell } from './patterns.ts';
import { type Finding, type Job, placeWithin, type Rule, scriptsOf, textAt, type Workflow } from './workflow.ts';

/** Texts that people outside write: whatever stands there becomes part of a script before the shell reads it. */
const foreign =
  /github\.(head_ref\b|event\.(issue|pull_request|discussion)\.(title|body)|event\.pull_request\.head\.(ref|label|repo\.default_branch)|event\.(comment|review|review_comment)\.body|event\.(head_commit|commits[^}]*)\.(message|author\.\w+)|event\.workflow_run\.(head_branch|display_title|head_commit\.message)|event\.pages[^}]*\.page_name)/;
const inputs = /(^|[^.\w])(inputs|github\.event\.inputs)\./;

interface Script {
  job: Job;
  text: string;
  place: Place;
}

/** Shell scripts, and those of actions/github-script. */
function scripts(workflow: Workflow): Script[] {
  return workflow.jobs.flatMap((job) => [
    ...scriptsOf(job).map(({ run, place }) => ({ job, text: run, place })),
    ...job.steps.flatMap((step) => {
      const tree = treeAt(step.tree, ['with', 'script']);
      const text = textAt(step.tree, ['with', 'script']);
      return text !== undefined && tree && step.uses?.startsWith('actions/github-script@')
        ? [{ job, text, place: tree.place }]
        : [];
    }),
  ]);
}

function expressions(workflow: Workflow, pattern: RegExp, message: (expression: string, job: Job) => string): Finding[] {
  return scripts(workflow).flatMap(({ job, text, place }) =>
    [...text.matchAll(/\$\{\{(.*?)\}\}/gs)]
      .filter(([, inside = '']) => pattern.test(inside))
      .map(([whole, inside = '']) => ({ place: placeWithin(workflow, place, whole), message: message(inside.trim(), job) })),
  );
}

/** Scripts that a pattern finds something in. */
function lines(workflow: Workflow, pattern: RegExp, message: (job: Job) => string): Finding[] {
  return scripts(workflow).flatMap(({ job, text, place }) =>
    [...text.matchAll(new RegExp(pattern, 'gm'))].map(([found]) => ({
      place: placeWithin(workflow, place, found.trim()),
      message: message(job),
    })),
  );
}

/** What stands in scripts. */
export const scriptRules: Rule[] = [
  {
    id: 'foreign-text-in-script',
    hint: 'Hand it over as a variable (env: TITLE: ${{ … }}) and write "$TITLE" in the script.',
    find: (workflow) =>
      expressions(workflow, foreign, (expression) => `${expression} is written by anybody, and becomes part of the script`),
  },
  {
    id: 'input-in-script',
    hint: 'Hand it over as a variable (env: TEMPLATE: ${{ inputs.template }}) and write "$TEMPLATE" in the script.',
    find: (workflow) =>
      expressions(workflow, inputs, (expression) => `${expression} becomes part of the script, whatever it holds`),
  },
  {
    id: 'secret-in-script',
    hint: 'Hand it over as a variable (env:): then it is neither in a file of the runner nor in the arguments of a process.',
    find: (workflow) =>
      expressions(workflow, /(^|[^.\w])secrets\./, (expression) => `${expression} is written into the script itself`),
  },
  {
    id: 'environment-file-of-strangers',
    hint: 'A variable such as NODE_OPTIONS or LD_PRELOAD rules all steps that follow. Pass values as outputs, and check them.',
    find: (workflow) =>
      workflow.triggers.has('pull_request_target') || workflow.triggers.has('workflow_run')
        ? lines(
            workflow,
            />>\s*"?\$\{?GITHUB_(ENV|PATH)\b/,
            (job) => `The job "${job.id}" sets variables for its other steps from what strangers sent`,
          )
        : [],
  },
  {
    id: 'pipe-to-shell',
    hint: 'Keep the script in the repository, or compare its SHA-256 before it runs.',
    find: (workflow) => lines(workflow, pipeToShell, (job) => `The job "${job.id}" runs whatever a web server answers`),
  },
  {
    id: 'env-file',
    hint: 'Name each variable in env:. Gabarit reads no .env in CI either.',
    find: (workflow) =>
      lines(
        workflow,
        envFile,
        (job) => `The job "${job.id}" takes variables from a file: what is missing there is missed silently`,
      ),
  },
  {
    id: 'certificates-not-checked',
    hint: 'Trust the authority instead: stores: NAME: ca: FILE.',
    find: (workflow) => [
      ...lines(workflow, certificatesNotChecked, (job) => `The job "${job.id}" talks to whoever answers`),
      ...switchedOff(workflow),
    ],
  },
  {
    id: 'old-commands',
    hint: 'Remove it: whoever gets a line into the log could set variables.',
    find: (workflow) =>
      variables(
        workflow,
        (name) => name === 'ACTIONS_ALLOW_UNSECURE_COMMANDS',
        () => 'Commands in the log may set variables',
      ),
  },
];

function switchedOff(workflow: Workflow): Finding[] {
  return variables(
    workflow,
    (name, value) => certificateSwitches[name]?.test(value) === true,
    (name) => `${name} switches off the checking of certificates`,
  );
}

/** Variables of the workflow, of jobs and of steps. */
function variables(
  workflow: Workflow,
  matches: (name: string, value: string) => boolean,
  message: (name: string) => string,
): Finding[] {
  const trees = [workflow.root, ...workflow.jobs.flatMap((job) => [job.tree, ...job.steps.map((step) => step.tree)])];
  return trees.flatMap((tree) => {
    const env = treeAt(tree, ['env']);
    if (env?.kind !== 'map') return [];
    return [...env.entries].flatMap(([name, { key, value }]) =>
      value.kind === 'scalar' && matches(name, String(value.value)) ? [{ place: key, message: message(name) }] : [],
    );
  });
}
