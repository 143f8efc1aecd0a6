import { Command } from 'commander';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { count } from '../render/words.ts';

export function ciLintCommand(run: Run): Command {
  return new Command('lint')
    .summary('find what is dangerous in workflows and pipelines')
    .description(
      'Finds what is dangerous in workflows of GitHub Actions, Gitea and Forgejo and in pipelines of GitLab, above all on runners of\nyour own: who may start a job there, what becomes part of a script, whose code runs, with which rights and secrets, and what\nreaches your users. Each rule is explained in docs/reference/ci-lint.md.',
    )
    .argument('[file...]', 'workflows and pipelines (default: those of this repository)')
    .addHelpText(
      'after',
      examples(
        ['gabarit ci lint', 'All of the repository: .github, .gitea, .forgejo, and .gitlab-ci.yml with what it includes.'],
        ['gabarit ci lint .github/workflows/build.yml --json', 'One of them, for programs.'],
      ),
    )
    .action((files: string[]) =>
      run(async ({ style, openApp, answer }) => {
        const { annotationsText } = await import('../render/ci/annotations.ts');
        const app = await openApp({ kind: 'data' });
        const { kind } = await app.ci.environment();
        const report = await app.ci.lint(files);
        const sum =
          report.annotations.length === 0 ? 'nothing dangerous found' : `${count(report.annotations.length, 'danger')} found`;
        answer(report, () => {
          const text = annotationsText(report.annotations, kind, style);
          return kind === 'gitlab' ? text : `${text}${count(report.files.length, 'file')}, ${sum}\n`;
        });
        return report.annotations.length > 0 ? 6 : 0;
      }),
    );
}
