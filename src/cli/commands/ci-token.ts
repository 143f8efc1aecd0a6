import { Command } from 'commander';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { shortPath } from '../render/words.ts';

export function ciTokenCommand(run: Run): Command {
  return new Command('token')
    .summary('fetch the identity token of the job')
    .description(
      'Fetches the token by which the job can prove who it is (OpenID Connect), and writes it into a file that only this user can\nread: S3 takes it instead of a static key (AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or webIdentity in the\nconfiguration). GitHub and Forgejo give it to jobs with the right "id-token: write", GitLab as the variable\nGABARIT_ID_TOKEN (id_tokens:).',
    )
    .requiredOption('--file <file>', 'where to write it')
    .option('--audience <name>', 'whom it is for', 'sts.amazonaws.com')
    .addHelpText('after', examples(['gabarit ci token --file "$RUNNER_TEMP/token"', 'In a step before "gabarit publish".']))
    .action((options: { file: string; audience: string }) =>
      run(async ({ signal, openApp, answer }) => {
        const app = await openApp({ kind: 'data' });
        await app.ci.token(options.file, options.audience, signal);
        answer({ file: options.file, audience: options.audience }, () => `Wrote ${shortPath(options.file)}\n`);
      }),
    );
}
