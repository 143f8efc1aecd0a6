import { stringify } from 'yaml';
import type { TemplateChange } from '../../../model/ci.ts';
import type { Style } from '../../style.ts';
import { table } from '../words.ts';

/** What a matrix of GitHub, Gitea or Forgejo is made of. */
export interface Matrix {
  include: {
    template: string;
    formats: string /** Of the newest published image, or nothing. */;
    published: string;
    reason: string;
  }[];
}

export function matrixOf(changes: readonly TemplateChange[]): Matrix {
  return {
    include: changes
      .filter(({ build }) => build)
      .map(({ template, formats, published = '', reasons }) => ({
        template,
        formats: formats.join(','),
        published,
        reason: reasons.join('; '),
      })),
  };
}

export function changesText(changes: readonly TemplateChange[], style: Style): string {
  if (changes.length === 0) return 'This repository defines no templates\n';
  const marks = { new: style.good('+'), changed: style.warning('~'), unchanged: style.faint('='), failed: style.bad('✗') };
  const rows = table(changes.map(({ template, build, reasons }) => [template, build ? 'build' : '-', reasons.join('; ')]));
  return `${rows.map((row, at) => `${marks[changes[at]?.state ?? 'failed']} ${row}`).join('\n')}\n`;
}

/** Lines for the file that GITHUB_OUTPUT names. No value has a line break, so none can forge another one. */
export function outputLines(changes: readonly TemplateChange[]): string {
  const matrix = matrixOf(changes);
  return `matrix=${JSON.stringify(matrix)}\ncount=${matrix.include.length}\n`;
}

/** A child pipeline for GitLab: one job a template, each of them the hidden job `.gabarit-build` with its variables. */
export function gitlabPipeline(changes: readonly TemplateChange[], include: string): string {
  const { include: entries } = matrixOf(changes);
  const jobs = entries.map(({ template, formats, published }) => [
    `build ${template}`,
    {
      extends: '.gabarit-build',
      variables: { GABARIT_TEMPLATE: template, GABARIT_FORMATS: formats, GABARIT_PUBLISHED: published },
    },
  ]);
  // GitLab refuses a pipeline without a job.
  const nothing = { 'nothing to build': { script: ['echo "No template has changed"'] } };
  return stringify({ include: [{ local: include }], ...(jobs.length > 0 ? (Object.fromEntries(jobs) as object) : nothing) });
}
