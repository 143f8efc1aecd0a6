import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Annotation } from '../../../model/ci.ts';
import { AppError, errnoOf } from '../../../util/errors.ts';
import { readLimited } from '../../load-file.ts';
import { maxBytes, parseYaml } from '../../load-yaml.ts';
import { publishingRules } from './rules-publishing.ts';
import { rightsRules } from './rules-rights.ts';
import { runnerRules } from './rules-runner.ts';
import { scriptRules } from './rules-scripts.ts';
import { supplyRules } from './rules-supply.ts';
import { triggerRules } from './rules-triggers.ts';
import { annotationOf, readWorkflow, type Rule } from './workflow.ts';

export const lintRules: readonly Rule[] = [
  ...triggerRules,
  ...scriptRules,
  ...supplyRules,
  ...rightsRules,
  ...runnerRules,
  ...publishingRules,
];

const folders = ['.github/workflows', '.gitea/workflows', '.forgejo/workflows'];

/** The workflows of a repository. */
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
  return found.flat();
}

export interface LintReport {
  files: string[];
  annotations: Annotation[];
}

/** Looks for what is dangerous in workflows, above all on runners of one's own. @throws AppError NOT_FOUND when there is nothing to look at */
export async function lintWorkflows(files: readonly string[]): Promise<LintReport> {
  if (files.length === 0) {
    throw new AppError('NOT_FOUND', `There are no workflows in ${folders.join(', ')}`, {
      hint: 'Name the files: gabarit ci lint FILE...',
    });
  }
  const annotations: Annotation[] = [];
  for (const file of files) annotations.push(...(await lintFile(file)));
  return { files: [...files], annotations };
}

async function lintFile(file: string): Promise<Annotation[]> {
  const bytes = await readLimited(file, maxBytes);
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
  return lintRules
    .flatMap((rule) => rule.find(workflow).map((finding) => annotationOf(rule, finding)))
    .toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}
