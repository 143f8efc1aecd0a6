import { Command, Option } from 'commander';
import { appendReport } from '../append-report.ts';
import { addChangesOptions, type ChangesFlags, changesJson, names, requestOf } from '../changes-options.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { exitCodeOf } from '../render/error.ts';

export function ciMatrixCommand(run: Run): Command {
  const command = new Command('matrix')
    .summary('say which templates must be built')
    .description(
      'Says which templates of this repository must be built: those whose plan differs from that of the newest published image\n(--store), or from that of a commit (--base). One that extends a changed one has changed, too; a change that makes no\ndifference to an image is none. Newer packages alone count with --updates, and in scheduled and manual runs.\n\nOn GitHub, Gitea and Forgejo the outputs "matrix" and "count" are set.',
    );
  return addChangesOptions(command)
    .option('--formats <list>', 'formats instead of those of the templates, separated by commas', names)
    .option('--force', 'all of them, changed or not')
    .option('--updates', 'newer packages alone are a reason, too')
    .addOption(
      new Option(
        '--as <shape>',
        'what to write: names, lines of a name and the newest published version, or a child pipeline for GitLab',
      ).choices(['names', 'lines', 'gitlab']),
    )
    .option('--include <file>', 'where that child pipeline finds the job .gabarit-build', '.gitlab/gabarit-build.yml')
    .addHelpText(
      'after',
      examples(
        ['gabarit ci matrix --store prod', 'What differs from what is published?'],
        ['gabarit ci matrix --base origin/main', 'What does this branch change?'],
        ['gabarit ci matrix --template web,database --force', 'These two, in any case.'],
        ['gabarit ci matrix --store prod --as gitlab > child.yml', 'For GitLab: a pipeline with one job a template.'],
      ),
    )
    .action((flags: ChangesFlags & { as?: 'names' | 'lines' | 'gitlab'; include: string }) =>
      run(async ({ globals, style, signal, openApp, answer, showError }) => {
        const { annotationsText } = await import('../render/ci/annotations.ts');
        const { changesText, gitlabPipeline, matrixOf, outputLines } = await import('../render/ci/matrix.ts');
        const { errorAnnotations } = await import('../../pipeline/ci/annotate.ts');
        const app = await openApp({ kind: 'data' });
        const { kind, event, outputFile } = await app.ci.environment();
        const request = requestOf(flags);
        const updates = request.updates || event === 'schedule' || event === 'manual';
        const changes = await app.ci.changes({ ...request, updates }, signal);
        const failed = changes.flatMap(({ error, file }) => (error ? [{ error, file }] : []));
        if (failed.length === 0) await appendReport(outputFile, outputLines(changes));
        const annotations = failed.flatMap(({ error, file }) => errorAnnotations(error, file));
        answer({ ...matrixOf(changes), changes: changesJson(changes) }, () => {
          if (flags.as === 'gitlab') return gitlabPipeline(changes, flags.include);
          const { include } = matrixOf(changes);
          if (flags.as === 'lines') return include.map(({ template, published }) => `${template} ${published}\n`).join('');
          if (flags.as === 'names' || globals.quiet)
            return changes.flatMap(({ template, build }) => (build ? [`${template}\n`] : [])).join('');
          const text = changesText(changes, style);
          return kind === 'github' || kind === 'gitea' ? text + annotationsText(annotations, kind, style) : text;
        });
        for (const { error } of failed) showError(error);
        return Math.max(0, ...failed.map(({ error }) => exitCodeOf(error)));
      }),
    );
}
