import { Command } from 'commander';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { endOnTargets } from '../end-on-targets.ts';
import { targetOption } from '../target-option.ts';

export function rollbackCommand(run: Run): Command {
  return new Command('rollback')
    .summary('let a pool use an older deployment again')
    .description('Lets targets use an older deployment again, which is still there: nothing is sent.')
    .argument('<template>', 'the name of the template')
    .addOption(targetOption())
    .option('--to <version>', 'this version (default: the one before)')
    .addHelpText(
      'after',
      examples(
        ['gabarit rollback debian-12 --target lab', 'The version before.'],
        ['gabarit rollback debian-12 --target lab --to 20261123.1', 'That version.'],
      ),
    )
    .action((template: string, { target: targets, to }: { target: string[]; to?: string }) =>
      run(async (context) => {
        const app = await context.openApp({ kind: 'steps', several: targets.length > 1 });
        const request = { template, targets, ...(to === undefined ? {} : { version: to }) };
        return endOnTargets(context, await app.rollBack(request, context.signal));
      }),
    );
}
