import { Command } from 'commander';
import { parseImageReference } from '../../model/image-reference.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { storeOption } from '../store-option.ts';

interface StoreOption {
  store: string;
}
const imageHelp = 'NAME, NAME@VERSION, NAME@CHANNEL or NAME@sha256:...; NAME alone is its newest version';

export function catalogCommand(run: Run): Command {
  return new Command('catalog')
    .summary('look at the images of a store, move channels')
    .description('Looks at the images of a store, and moves the channels that point at them.')
    .addCommand(listCommand(run))
    .addCommand(showCommand(run))
    .addCommand(resolveCommand(run))
    .addCommand(promoteCommand(run));
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
        if (template !== undefined) await catalog.resolve({ template, by: 'newest' });
        const indexes = (await catalog.list()).filter((index) => template === undefined || index.template === template);
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

function promoteCommand(run: Run): Command {
  return new Command('promote')
    .summary('let a channel point at an image')
    .description('Lets a channel point at an image. It is refused when somebody else moved the channel meanwhile.')
    .argument('<image>', imageHelp)
    .argument('<channel>', 'a word such as dev or stable; it is made when there is none')
    .addOption(storeOption())
    .option('--seen <digest>', 'what the channel pointed at when you decided, or "none" (default: what it points at now)')
    .addHelpText(
      'after',
      examples([
        'gabarit catalog promote debian-12@20261123.1 stable --store file:/srv/templates',
        'debian-12@stable is this version from now on.',
      ]),
    )
    .action((reference: string, channel: string, { store, seen }: StoreOption & { seen?: string }) =>
      run(async ({ globals, signal, openApp, answer }) => {
        const wanted = parseImageReference(reference);
        const catalog = await (await openApp({ kind: 'data' })).catalog(store);
        const before = seen ?? (await catalog.seen(wanted.template, channel));
        const image = await catalog.promote(channel, wanted, before, signal);
        answer({ channel, image, before }, () => (globals.quiet ? '' : `${image.template}@${channel} is ${image.version} now\n`));
      }),
    );
}
