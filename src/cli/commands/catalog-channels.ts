import { Command } from 'commander';
import { parseImageReference } from '../../model/image-reference.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { byOption, imageHelp, type StoreOption, storeOption } from '../store-option.ts';

export function promoteCommand(run: Run): Command {
  return new Command('promote')
    .summary('let a channel point at an image')
    .description(
      'Lets a channel point at an image. It is refused when somebody else moved the channel meanwhile.\nWhere the configuration asks for more people (catalog.approvals), it is proposed, and waits for catalog approve.',
    )
    .argument('<image>', imageHelp)
    .argument('<channel>', 'a word such as dev or stable; it is made when there is none')
    .addOption(storeOption())
    .option('--seen <digest>', 'what the channel pointed at when you decided, or "none" (default: what it points at now)')
    .addOption(byOption())
    .option('--unsupported', 'also when nobody supports its operating system any more')
    .addHelpText(
      'after',
      examples([
        'gabarit catalog promote debian-12@20261123.1 stable --store file:/srv/templates',
        'debian-12@stable is this version from now on.',
      ]),
    )
    .action((reference: string, channel: string, options: StoreOption & { seen?: string; by?: string; unsupported?: boolean }) =>
      run(async ({ globals, signal, openApp, answer }) => {
        const wanted = parseImageReference(reference);
        const { promotionText } = await import('../render/catalog-changes.ts');
        const actor = { by: options.by, allowUnsupported: options.unsupported };
        const catalog = await (await openApp({ kind: 'data' })).catalog(options.store, actor);
        const before = options.seen ?? (await catalog.seen(wanted.template, channel));
        const { pending, ...image } = await catalog.promote(channel, wanted, before, signal);
        answer({ channel, image, before, ...(pending ? { pending } : {}) }, () =>
          globals.quiet ? '' : promotionText(channel, image, pending, options.store),
        );
      }),
    );
}

export function approveCommand(run: Run): Command {
  return new Command('approve')
    .summary('approve what somebody else proposed for a channel')
    .description('Approves the image that somebody else proposed for a channel. With enough approvals the channel moves.')
    .argument('<template>', 'the name of the template')
    .argument('<channel>', 'the channel')
    .addOption(storeOption())
    .addOption(byOption())
    .addHelpText(
      'after',
      examples(['gabarit catalog approve debian-12 stable --store file:/srv/templates', 'Be the second person who wants it.']),
    )
    .action((template: string, channel: string, { store, by }: StoreOption & { by?: string }) =>
      run(async ({ globals, signal, openApp, answer }) => {
        const { promotionText } = await import('../render/catalog-changes.ts');
        const catalog = await (await openApp({ kind: 'data' })).catalog(store, { by });
        const { pending, ...image } = await catalog.approve(template, channel, signal);
        answer({ channel, image, ...(pending ? { pending } : {}) }, () =>
          globals.quiet ? '' : promotionText(channel, image, pending, store),
        );
      }),
    );
}
