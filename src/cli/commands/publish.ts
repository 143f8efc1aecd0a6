import { Command } from 'commander';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { storeOption } from '../store-option.ts';

export function publishCommand(run: Run): Command {
  return new Command('publish')
    .summary('put an image into a store')
    .description(
      'Puts an image into a store, where others find it by its name. Every byte is compared with the manifest first, and an image with failed checks is refused.\nA published version never changes; publishing the same again does nothing.',
    )
    .argument('<folder>', 'the output folder of a build')
    .addOption(storeOption())
    .option('--channel <name>', 'also let this channel point at it, for example dev')
    .addHelpText(
      'after',
      examples(
        ['gabarit publish out/debian-12/20261123.1 --store file:/srv/templates', 'Publish to a folder.'],
        ['gabarit publish out/debian-12/20261123.1 --store file:/srv/templates --channel dev', 'And make it debian-12@dev.'],
      ),
    )
    .action((folder: string, { store, channel }: { store: string; channel?: string }) =>
      run(async ({ globals, signal, openApp, answer }) => {
        const app = await openApp({ kind: 'steps' });
        const image = await app.publish(folder, store, channel === undefined ? {} : { channel }, signal);
        const name = `${image.template}@${image.version}`;
        const text = `${name} is in ${store}${channel === undefined ? '' : `, and ${image.template}@${channel} is it`}\n  ${image.digest}\n\nNext:\n  gabarit catalog show ${name} --store ${store}\n`;
        answer({ type: 'result', image }, () => (globals.quiet ? `${image.template}@${image.digest}\n` : text));
      }),
    );
}
