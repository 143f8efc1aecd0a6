import type { PlanDiff, TemplateChange } from '../../../model/ci.ts';
import type { Changes } from '../../../model/inventory.ts';
import { cell, codeBlock, details, markdownTable } from './markdown.ts';

/** By it a comment is found again, to be written anew. */
export const diffMark = '<!-- gabarit ci diff -->';

const shownLines = 150;

/** What a change does to the images, as Markdown for a comment or the page of a run. */
export function diffMarkdown(changes: readonly TemplateChange[]): string {
  const differing = changes.filter(({ state }) => state !== 'unchanged');
  const head = `${diffMark}\n### Templates`;
  if (differing.length === 0) return `${head}\n\nThis change makes no difference to any image.\n`;
  const marks = { new: 'new', changed: 'changed', failed: ':x: cannot be planned', unchanged: '' };
  const rows = differing.map(({ template, state, reasons }) => [cell(template), marks[state], cell(reasons.join('; '))]);
  const bodies = differing.flatMap((change) => bodyOf(change) ?? []);
  const rest = changes.length - differing.length;
  const parts = [
    head,
    markdownTable(['template', '', 'why'], rows),
    ...bodies,
    ...(rest > 0 ? [`${rest} more stay as they are.`] : []),
  ];
  return `${parts.join('\n\n')}\n`;
}

function bodyOf({ template, error, diff }: TemplateChange): string | undefined {
  if (error) {
    const lines = error.faults.map(({ file, line, column, message }) =>
      [...[file, line, column].filter((part) => part !== undefined), message].join(':'),
    );
    return codeBlock([error.message, ...lines, ...(error.hint ? [error.hint] : [])], 'text');
  }
  const lines = diff ? diffLines(diff) : [];
  if (lines.length === 0) return undefined;
  const more = lines.length - shownLines;
  const shown = more > 0 ? [...lines.slice(0, shownLines), `# and ${more} more lines`] : lines;
  return details(`${template}: what differs`, codeBlock(shown, 'diff'));
}

function diffLines({ settings, provisioning, packages }: PlanDiff): string[] {
  const section = (title: string, lines: string[]): string[] => (lines.length > 0 ? [`# ${title}`, ...lines] : []);
  return [
    ...section(
      'definition',
      changeLines(settings, (name, value) => `${name}: ${value}`),
    ),
    ...section(
      'provisioning',
      changeLines(provisioning, (name, digest) => `${name} ${digest.slice(0, 19)}`),
    ),
    ...section(
      'packages',
      changeLines(packages, (name, version) => `${name} ${version}`),
    ),
  ];
}

function changeLines({ added, removed, changed }: Changes<string>, show: (name: string, value: string) => string): string[] {
  return [
    ...Object.entries(removed).map(([name, value]) => `- ${show(name, value)}`),
    ...Object.entries(changed).flatMap(([name, { from, to }]) => [`- ${show(name, from)}`, `+ ${show(name, to)}`]),
    ...Object.entries(added).map(([name, value]) => `+ ${show(name, value)}`),
  ].map((line) => line.replaceAll(/\s+/g, ' '));
}
