import { Command } from 'commander';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';

export function ciAnnotationsCommand(run: Run): Command {
  return new Command('annotations')
    .summary('show what is wrong at the line that is wrong')
    .description(
      'Checks the definitions of this repository, and says what is wrong in the words of the CI system, so that it is shown at the\nline: workflow commands for GitHub, Gitea and Forgejo, a Code Quality report for GitLab, lines of text elsewhere.',
    )
    .argument('[template...]', 'names of templates (default: all of this repository)')
    .option('--plan', 'also ask the mirrors whether all packages are there')
    .option('--offline', 'use only what the cache holds: no network')
    .addHelpText(
      'after',
      examples(
        ['gabarit ci annotations', 'All definitions, without a network.'],
        ['gabarit ci annotations --plan', 'Are the packages there, too?'],
        ['gabarit ci annotations > gl-code-quality-report.json', 'In GitLab: artifacts: reports: codequality.'],
      ),
    )
    .action((templates: string[], options: { plan?: boolean; offline?: boolean }) =>
      run(async ({ style, signal, openApp, answer }) => {
        const { annotationsText } = await import('../render/ci/annotations.ts');
        const app = await openApp({ kind: 'data' });
        const { kind } = await app.ci.environment();
        const how = { plan: options.plan === true, offline: options.offline === true };
        const annotations = await app.ci.annotations(templates, how, signal);
        answer({ annotations }, () => annotationsText(annotations, kind, style));
        return annotations.some(({ level }) => level === 'error') ? 3 : 0;
      }),
    );
}
