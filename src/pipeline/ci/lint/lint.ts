import { readdir, stat } from 'node:fs/promises';
import { basename, join, normalize } from 'node:path';
import type { Annotation } from '../../../model/ci.ts';
import { AppError, errnoOf } from '../../../util/errors.ts';
import { readLimited } from '../../load-file.ts';
import { treeAt } from '../../load-tree.ts';
import { maxBytes, parseYaml } from '../../load-yaml.ts';
import { localIncludes, type PipelineFile, type PipelineRule, readPipeline } from './gitlab/pipeline.ts';
import { readGitlabYaml } from './gitlab/read-yaml.ts';
import { pipelineJobRules } from './gitlab/rules-jobs.ts';
import { pipelineScriptRules } from './gitlab/rules-scripts.ts';
import { pipelineSourceRules } from './gitlab/rules-sources.ts';
import { publishingRules } from './rules-publishing.ts';
import { rightsRules } from './rules-rights.ts';
import { runnerRules } from './rules-runner.ts';
import { scriptRules } from './rules-scripts.ts';
import { supplyRules } from './rules-supply.ts';
import { triggerRules } from './rules-triggers.ts';
import { annotationOf, readWorkflow, type Rule } from './workflow.ts';

/** For GitHub, Gitea and Forgejo. */
export const lintRules: readonly Rule[] = [
  ...triggerRules,
  ...scriptRules,
  ...supplyRules,
  ...rightsRules,
  ...runnerRules,
  ...publishingRules,
];

/** For GitLab. */
export const pipelineRules: readonly PipelineRule[] = [...pipelineScriptRules, ...pipelineSourceRules, ...pipelineJobRules];

const folders = ['.github/workflows', '.gitea/workflows', '.forgejo/workflows'];
const pipelineName = '.gitlab-ci.yml';

/** The workflows and the pipeline of a repository. */
export async function workflowsIn(repository: string): Promise<string[]> {
  const found = await Promise.all(
    folders.map(async (folder) => {
      const names = await readdir(join(repository, folder)).catch((error: unknown) => {
        if (errnoOf(error) === 'ENOENT') return [];
        throw error;
      });
      return names
        .filter((name) => /\.ya?ml$/.test(name))
        .toSorted()
        .map((name) => join(repository, folder, name));
    }),
  );
  const pipeline = join(repository, pipelineName);
  return [...found.flat(), ...((await isFile(pipeline)) ? [pipeline] : [])];
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  );
}

export interface LintReport {
  files: string[];
  annotations: Annotation[];
}

/**
 * Looks for what is dangerous in workflows and pipelines, above all on runners of one's own. Files of GitLab are one pipeline together with
 * what they include from `repository`. @throws AppError NOT_FOUND when there is nothing to look at
 */
export async function lintWorkflows(files: readonly string[], repository = '.'): Promise<LintReport> {
  if (files.length === 0) {
    throw new AppError('NOT_FOUND', `There are no workflows in ${folders.join(', ')}, and no ${pipelineName}`, {
      hint: 'Name the files: gabarit ci lint FILE...',
    });
  }
  const annotations: Annotation[] = [];
  const looked: string[] = [];
  const pipeline: PipelineFile[] = [];
  const waiting = [...files];
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    if (looked.includes(file)) continue;
    looked.push(file);
    const bytes = await readLimited(file, maxBytes);
    const text = Buffer.from(bytes).toString();
    const gitlab = readGitlabYaml(text, file);
    if (!('tree' in gitlab) || isWorkflow(file, gitlab.tree)) {
      annotations.push(...lintWorkflow(file, bytes));
      continue;
    }
    pipeline.push({ file, lines: text.split('\n'), root: gitlab.tree });
    for (const path of localIncludes(gitlab.tree)) {
      const included = normalize(join(repository, path));
      // A file that is not there is a matter for GitLab's own linter.
      if (await isFile(included)) waiting.push(included);
    }
  }
  if (pipeline.length > 0) annotations.push(...lintPipeline(pipeline));
  return { files: looked, annotations };
}

/** What both kinds of files have is a map; only workflows have their jobs in one. */
function isWorkflow(file: string, tree: PipelineFile['root']): boolean {
  return basename(file) !== pipelineName && treeAt(tree, ['jobs'])?.kind === 'map' && tree.entries.has('on');
}

function lintWorkflow(file: string, bytes: Uint8Array): Annotation[] {
  const { tree, faults } = parseYaml(bytes, file);
  if (tree?.kind !== 'map') {
    return faults.map((fault) => ({
      ...fault,
      level: 'error',
      title: 'cannot-be-read',
      hint: 'What is not plain YAML is not looked at: write it out.',
    }));
  }
  const workflow = readWorkflow(file, Buffer.from(bytes).toString(), tree);
  return lintRules.flatMap((rule) => rule.find(workflow).map((finding) => annotationOf(rule, finding))).toSorted(byPlace);
}

function lintPipeline(files: readonly PipelineFile[]): Annotation[] {
  const pipeline = readPipeline(files);
  const found = pipelineRules.flatMap((rule) => rule.find(pipeline).map((finding) => annotationOf(rule, finding)));
  // What several jobs extend is found once.
  const unique = new Map(found.map((item) => [`${item.title}:${item.file}:${item.line}:${item.column}`, item]));
  const names = files.map(({ file }) => file);
  return [...unique.values()].toSorted((a, b) => names.indexOf(a.file ?? '') - names.indexOf(b.file ?? '') || byPlace(a, b));
}

function byPlace(a: Annotation, b: Annotation): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}
