import { Command } from 'commander';
import { parseImageReference } from '../../model/image-reference.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { imageHelp, type StoreOption, storeOption } from '../store-option.ts';
import { pruneCommand, repairCommand, siteCommand } from './catalog-care.ts';
import { approveCommand, promoteCommand } from './catalog-channels.ts';
import { ancestryCommand, diffCommand } from './catalog-compare.ts';
import { refreshCommand } from './catalog-refresh.ts';
import { restoreCommand, revokeCommand } from './catalog-revoke.ts';

export function catalogCommand(run: Run): Command {
  return new Command('catalog')
    .summary('look at the images of a store, move channels, revoke, prune')
    .description(
      'Looks at the images of a store, moves the channels that point at them, and takes back what must not be used any more.',
    )
    .addCommand(listCommand(run))
    .addCommand(showCommand(run))
    .addCommand(resolveCommand(run))
    .addCommand(diffCommand(run))
    .addCommand(ancestryCommand(run))
    .addCommand(promoteCommand(run))
    .addCommand(approveCommand(run))
    .addCommand(revokeCommand(run))
    .addCommand(restoreCommand(run))
    .addCommand(refreshCommand(run))
    .addCommand(pruneCommand(run))
    .addCommand(repairCommand(run))
    .addCommand(siteCommand(run));
}

function listCommand(run: Run): Command {
  return new Command('ls')
    .summary('list the images')
    .description('Lists the published images, the newest of each template first.')
    .argument('[template]', 'only this template')
    .addOption(storeOption())
    .addHelpText('after', examples(['gabarit catalog ls --store file:/srv/templates', 'All images of a store.']))
    .action((template: string | undefined, { store }: StoreOption) =>
      run(async ({ globals, style, openApp, answer }) => {
        const { catalogText } = await import('../render/catalog.ts');
        const catalog = await (await openApp({ kind: 'data' })).catalog(store);
        const indexes = await catalog.list(template);
        const names = indexes.flatMap(({ images }) => images.map((image) => `${image.template}@${image.version}\n`));
        answer(indexes, () => (globals.quiet ? names.join('') : catalogText(indexes, catalog.url, style)));
      }),
    );
}

function showCommand(run: Run): Command {
  return new Command('show')
    .summary('show one image')
    .description('Shows one image: what it is, what was proven about it, and where its files lie.')
    .argument('<image>', imageHelp)
    .addOption(storeOption())
    .addHelpText(
      'after',
      examples(['gabarit catalog show debian-12@stable --store file:/srv/templates', 'What the channel stable points at.']),
    )
    .action((reference: string, { store }: StoreOption) =>
      run(async ({ style, openApp, answer }) => {
        const wanted = parseImageReference(reference);
        const { imageText } = await import('../render/catalog.ts');
        const catalog = await (await openApp({ kind: 'data' })).catalog(store);
        const shown = await catalog.show(wanted);
        answer(shown, () => imageText(shown, style));
      }),
    );
}

function resolveCommand(run: Run): Command {
  return new Command('resolve')
    .summary('the exact name of an image')
    .description('Prints the exact name (by digest) of the image that a name means now.')
    .argument('<image>', imageHelp)
    .addOption(storeOption())
    .addHelpText(
      'after',
      examples(['gabarit catalog resolve debian-12@stable --store file:/srv/templates', 'Pin what the channel points at.']),
    )
    .action((reference: string, { store }: StoreOption) =>
      run(async ({ openApp, answer }) => {
        const wanted = parseImageReference(reference);
        const image = await (await (await openApp({ kind: 'data' })).catalog(store)).resolve(wanted);
        answer(image, () => `${image.template}@${image.digest}\n`);
      }),
    );
}
