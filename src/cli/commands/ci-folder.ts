import { Command } from 'commander';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { AppError } from '../../util/errors.ts';

export function ciFolderCommand(run: Run): Command {
  return new Command('folder')
    .summary('say where the newest image of a template lies')
    .description('Says in which output folder the newest image of a template lies that passed its checks.')
    .argument('<template>', 'name of a template')
    .addHelpText('after', examples(['gabarit publish "$(gabarit ci folder web)" --store prod', 'Publish what was built last.']))
    .action((template: string) =>
      run(async ({ openApp, answer }) => {
        const app = await openApp({ kind: 'data' });
        const folder = await app.ci.newestFolder(template);
        if (folder === undefined) {
          throw new AppError('NOT_FOUND', `There is no image of ${template} in ${app.config.outputDir}`, {
            hint: `gabarit build ${template}`,
          });
        }
        answer({ template, folder }, () => `${folder}\n`);
      }),
    );
}
