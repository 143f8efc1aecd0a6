import { Command } from 'commander';
import { AppError } from '../../util/errors.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { byOption, type StoreOption, storeOption } from '../store-option.ts';

interface PublishFlags extends StoreOption {
  channel?: string;
  by?: string;
  unsupported?: boolean;
  limit?: string;
}

export function publishCommand(run: Run): Command {
  return new Command('publish')
    .summary('put an image into a store')
    .description(
      'Puts an image into a store, where others find it by its name. Every byte is compared with the manifest first, and an image with failed checks is refused.\nA published version never changes; publishing the same again does nothing.',
    )
    .argument('<folder>', 'the output folder of a build')
    .addOption(storeOption())
    .option('--channel <name>', 'also let this channel point at it, for example dev')
    .option('--limit <rate>', 'send no faster, for example 20MiB/s (S3 only)')
    .addOption(byOption())
    .option('--unsupported', 'with --channel: also when nobody supports its operating system any more')
    .addHelpText(
      'after',
      examples(
        ['gabarit publish out/debian-12/20261123.1 --store file:/srv/templates', 'Publish to a folder.'],
        ['gabarit publish out/debian-12/20261123.1 --store file:/srv/templates --channel dev', 'And make it debian-12@dev.'],
        [
          'gabarit publish out/debian-12/20261123.1 --store s3://templates --limit 20MiB/s',
          'Publish to S3, and leave others some of the line.',
        ],
      ),
    )
    .action((folder: string, options: PublishFlags) =>
      run(async ({ globals, signal, openApp, answer }) => {
        const { store, channel, by, unsupported: allowUnsupported } = options;
        const { parseRate } = await import('../../model/rate.ts');
        const limit = options.limit === undefined ? undefined : parseRate(options.limit);
        if (options.limit !== undefined && limit === undefined)
          throw new AppError('USAGE', `"${options.limit}" is not a rate`, { hint: 'Write for example 20MiB/s.' });
        const { promotionText } = await import('../render/catalog-changes.ts');
        const app = await openApp({ kind: 'steps' });
        const request = { ...(channel === undefined ? {} : { channel }), by, allowUnsupported, limit };
        const { pending, ...image } = await app.publish(folder, store, request, signal);
        const name = `${image.template}@${image.version}`;
        const moved = channel !== undefined && !pending ? `, and ${image.template}@${channel} is it` : '';
        const waits = channel !== undefined && pending ? promotionText(channel, image, pending, store) : '';
        const next = `\nNext:\n  gabarit catalog show ${name} --store ${store}\n`;
        const text = `${name} is in ${store}${moved}\n  ${image.digest}\n${waits}${next}`;
        answer({ type: 'result', image, ...(pending ? { pending } : {}) }, () =>
          globals.quiet ? `${image.template}@${image.digest}\n` : text,
        );
      }),
    );
}
