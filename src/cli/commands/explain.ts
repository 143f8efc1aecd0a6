import { Command } from 'commander';
import { AppError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';

export function explainCommand(run: Run): Command {
  return new Command('explain')
    .summary('say what an error or exit code means')
    .description('Says what the code of an error means, and what to do about it. Without a code it lists them all.')
    .argument('[code]', 'the code of an error, such as STORE_DENIED, or an exit code')
    .addHelpText(
      'after',
      examples(
        ['gabarit explain STORE_DENIED', 'What happened, and what to do.'],
        ['gabarit explain 5', 'All errors with that exit code.'],
        ['gabarit explain --json', 'All of them, for programs.'],
      ),
    )
    .action((wanted: string | undefined) =>
      run(async ({ style, answer }) => {
        const { allCodes, explainText } = await import('../render/explain.ts');
        const all = allCodes();
        const found =
          wanted === undefined ? all : all.filter(({ code, exit }) => code === wanted.toUpperCase() || String(exit) === wanted);
        if (found.length === 0) {
          const near = didYouMean(
            String(wanted),
            all.map(({ code }) => code),
          );
          throw new AppError('USAGE', `There is no error ${JSON.stringify(wanted)}${near}`, {
            hint: '"gabarit explain" lists all codes.',
          });
        }
        answer(found, () => explainText(found, style));
      }),
    );
}
