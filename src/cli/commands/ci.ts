import { Command } from 'commander';
import type { Run } from '../context.ts';
import { ciAnnotationsCommand } from './ci-annotations.ts';
import { ciDiffCommand } from './ci-diff.ts';
import { ciFolderCommand } from './ci-folder.ts';
import { ciLintCommand } from './ci-lint.ts';
import { ciMatrixCommand } from './ci-matrix.ts';
import { ciSummaryCommand } from './ci-summary.ts';
import { ciTokenCommand } from './ci-token.ts';

export function ciCommand(run: Run): Command {
  const ci = new Command('ci')
    .summary('what jobs of GitHub, GitLab, Gitea and Forgejo ask')
    .description(
      'What jobs of a CI system ask: what to build, and how to show what came of it. The system is known by its variables\n(GITHUB_ACTIONS, GITLAB_CI, GITEA_ACTIONS, FORGEJO_ACTIONS); without any, the answers are for a terminal.',
    );
  for (const make of [
    ciMatrixCommand,
    ciDiffCommand,
    ciAnnotationsCommand,
    ciSummaryCommand,
    ciFolderCommand,
    ciTokenCommand,
    ciLintCommand,
  ])
    ci.addCommand(make(run));
  return ci;
}
