import { Command } from 'commander';
import { appendReport } from '../append-report.ts';
import { addChangesOptions, type ChangesFlags, changesJson, requestOf } from '../changes-options.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { exitCodeOf } from '../render/error.ts';

export function ciDiffCommand(run: Run): Command {
  const command = new Command('diff')
    .summary('show what a change does to the images')
    .description(
      'Shows, as Markdown, what a change does to the images: settings, provisioning and packages that differ between two plans.\nNothing is built. On GitHub, Gitea and Forgejo it is added to the page of the run, too.',
    );
  return addChangesOptions(command)
    .addHelpText(
      'after',
      examples(
        ['gabarit ci diff --base origin/main', 'What does this branch change?'],
        ['gabarit ci diff > diff.md', 'In a job for a pull request: the text of a comment.'],
      ),
    )
    .action((flags: ChangesFlags) =>
      run(async ({ signal, openApp, answer }) => {
        const { diffMarkdown } = await import('../render/ci/diff.ts');
        const app = await openApp({ kind: 'data' });
        const { summaryFile } = await app.ci.environment();
        const changes = await app.ci.changes(requestOf(flags), signal);
        const markdown = diffMarkdown(changes);
        await appendReport(summaryFile, markdown);
        answer({ changes: changesJson(changes), markdown }, () => markdown);
        return Math.max(0, ...changes.map(({ error }) => (error ? exitCodeOf(error) : 0)));
      }),
    );
}
