import { Command } from 'commander';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { shortPath } from '../render/words.ts';

export function newCommand(run: Run): Command {
  return new Command('new')
    .summary('write a first definition')
    .description('Writes a first definition that extends another template, ready to be edited.')
    .argument('<name>', 'the name of the new template')
    .requiredOption('--from <template>', 'the template to extend')
    .option('--folder <folder>', 'where to write it', 'templates')
    .addHelpText('after', examples(['gabarit new web-server --from debian-12', 'Writes templates/web-server.yaml.']))
    .action((name: string, options: { from: string; folder: string }) =>
      run(async ({ globals, openApp, answer }) => {
        const app = await openApp({ kind: 'data' });
        const path = await app.newTemplate(name, options.from, options.folder);
        const short = shortPath(path);
        answer({ name, path }, () =>
          globals.quiet ? `${path}\n` : `Wrote ${short}\n\nNext:\n  edit ${short}\n  gabarit build ${name}\n`,
        );
      }),
    );
}
