import { basename } from 'node:path';
import type { Verdict } from '../../../model/check.ts';
import { formatSize } from '../../../model/size.ts';
import type { OutputReport } from '../../../pipeline/ci/read-outputs.ts';
import { formatDuration } from '../words.ts';
import { cell, details, markdownTable } from './markdown.ts';

/** The page of a run: a table of images with their verdicts, and each failed check in full. */
export function summaryMarkdown(reports: readonly OutputReport[]): string {
  if (reports.length === 0) return '## Images\n\nNothing was built.\n';
  const head = ['', 'image', 'checks', 'artifacts', 'packages', 'built in'];
  const rows = reports.map((report) => {
    const { manifest, failed } = report;
    const seconds = Object.values(manifest.build.seconds).reduce((sum, value) => sum + value, 0);
    return [
      failed ? ':x:' : ':white_check_mark:',
      `**${cell(manifest.template)}** ${manifest.version}`,
      checksCell(manifest.checks),
      manifest.artifacts.map(({ name, size }) => `${cell(name)} ${formatSize(size)}`).join('<br>'),
      String(manifest.packages.count),
      formatDuration(seconds * 1000),
    ];
  });
  const bodies = reports.flatMap((report) => [failures(report), remarks(report)].filter((part) => part !== undefined));
  return `${['## Images', markdownTable(head, rows), ...bodies].join('\n\n')}\n`;
}

function checksCell({ pass, fail, warn, skip, booted }: OutputReport['manifest']['checks']): string {
  const parts = [
    `${pass} passed`,
    fail > 0 ? `**${fail} failed**` : '',
    warn > 0 ? `${warn} warnings` : '',
    skip > 0 ? `${skip} skipped` : '',
  ];
  return `${parts.filter(Boolean).join(', ')}${booted ? ', booted' : ''}`;
}

function failures({ folder, manifest, verdicts }: OutputReport): string | undefined {
  const failed = verdicts.filter(({ status }) => status === 'fail');
  if (failed.length === 0) return undefined;
  return `### ${cell(manifest.template)} is not fit: ${cell(basename(folder))}\n\n${verdictTable(failed)}`;
}

function remarks({ manifest, verdicts }: OutputReport): string | undefined {
  const rest = verdicts.filter(({ status }) => status === 'warn' || status === 'skip');
  return rest.length === 0
    ? undefined
    : details(`${manifest.template}: warnings, and what was not looked at`, verdictTable(rest));
}

function verdictTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ status, check, subject, message }) => [
    status,
    cell(subject ? `${check} (${subject})` : check),
    cell(message),
  ]);
  return markdownTable(['', 'check', 'what was found'], rows);
}
