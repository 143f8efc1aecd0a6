import { Command } from 'commander';
import { appendReport } from '../append-report.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';

export function ciSummaryCommand(run: Run): Command {
  return new Command('summary')
    .summary('show what was built, with the verdicts')
    .description(
      'Shows, as Markdown, what was built and how the checks went. On GitHub, Gitea and Forgejo it is added to the page of the run\n(GITHUB_STEP_SUMMARY), and the output "folder" is set when it is one image; elsewhere it is written to standard output.',
    )
    .argument('[folder...]', 'output folders (default: the newest of each template)')
    .addHelpText(
      'after',
      examples(
        ['gabarit ci summary', 'The newest image of each template.'],
        ['gabarit ci summary out/debian-12/20261125.1 > report.md', 'This one.'],
      ),
    )
    .action((folders: string[]) =>
      run(async ({ openApp, answer }) => {
        const { summaryMarkdown } = await import('../render/ci/summary.ts');
        const app = await openApp({ kind: 'data' });
        const { summaryFile, outputFile } = await app.ci.environment();
        const reports = await app.ci.outputs(folders);
        const markdown = summaryMarkdown(reports);
        await appendReport(summaryFile, markdown);
        const [only, ...others] = reports.filter(({ failed }) => !failed);
        if (only && others.length === 0) await appendReport(outputFile, `folder=${only.folder}\n`);
        answer({ images: reports.map(({ folder, manifest, failed }) => ({ folder, failed, manifest })), markdown }, () =>
          summaryFile === undefined ? markdown : '',
        );
      }),
    );
}
