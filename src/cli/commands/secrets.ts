import { Command, InvalidArgumentError } from 'commander';
import { AppError } from '../../util/errors.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';

export function secretsCommand(run: Run): Command {
  return new Command('secrets')
    .summary('look after the secrets that the configuration names')
    .description('Looks after the secrets that the configuration names. Their values are never shown.')
    .addCommand(checkCommand(run));
}

function checkCommand(run: Run): Command {
  return new Command('check')
    .summary('whether they are there, old, or open to others')
    .description(
      'Shows every secret that the configuration names, and the signing keys of this user: where it lies, how old it is, who can read it. No value is read. It fails when one is missing.',
    )
    .option('--max-age <days>', 'warn of secrets that were not changed for so long', days, 365)
    .addHelpText('after', examples(['gabarit secrets check --max-age 90', 'What to change next.']))
    .action(({ maxAge }: { maxAge: number }) =>
      run(async ({ globals, style, openApp, answer }) => {
        const { secretsText } = await import('../render/secrets.ts');
        const facts = await (await openApp({ kind: 'data' })).checkSecrets(maxAge);
        answer(facts, () => (globals.quiet ? '' : secretsText(facts, style)));
        const failed = facts.filter(({ status }) => status === 'fail');
        if (failed.length > 0) {
          throw new AppError('CONFIG_INVALID', `${failed.length} of ${facts.length} secrets cannot be used`, {
            faults: failed.map(({ named, reference, message }) => ({ message: `${named} (${reference}): ${message}` })),
          });
        }
      }),
    );
}

function days(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a number of days.');
}
