import { Command } from 'commander';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { type StoreOption, storeOption } from '../store-option.ts';

export function refreshCommand(run: Run): Command {
  return new Command('refresh')
    .summary('sign the indexes anew, before they expire')
    .description(
      'Signs the indexes of a store, and the list of its keys, as they are for another while. An index is good for 30 days, so that nobody can hide a newer one from its readers for longer: run this every week, where nothing is published more often.',
    )
    .argument('[template...]', 'only these templates')
    .addOption(storeOption())
    .addHelpText('after', examples(['gabarit catalog refresh --store file:/srv/templates', 'In a timer, once a week.']))
    .action((templates: string[], { store }: StoreOption) =>
      run(async ({ globals, signal, openApp, answer }) => {
        const app = await openApp({ kind: 'data' });
        const indexes = await app.refreshCatalog(store, templates, signal);
        const facts = indexes.map(({ template, sequence, expires }) => ({ template, sequence, expires }));
        const until = facts
          .map(({ expires }) => expires)
          .toSorted()[0]
          ?.slice(0, 10);
        const text = `Signed the ${facts.length === 1 ? 'index' : 'indexes'} of ${facts.map(({ template }) => template).join(', ') || 'no template'}${until === undefined ? '' : `, good until ${until}`}\n`;
        answer(facts, () => (globals.quiet ? '' : text));
      }),
    );
}
