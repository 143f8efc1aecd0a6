import { Command } from 'commander';
import { parseImageReference } from '../../model/image-reference.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { shortPath } from '../render/words.ts';
import { isFolder } from '../folder-or-image.ts';
import { storeOption } from '../store-option.ts';

export function signCommand(run: Run): Command {
  return new Command('sign')
    .summary('sign an image as it is')
    .description(
      'Signs the manifest of an image as it is, in place of earlier signatures: you vouch for it. A build signs by itself when there is a key; this is for images from before, or by others.',
    )
    .argument('<folder|image>', 'the output folder of a build; or, with --store, a published image')
    .addOption(storeOption().makeOptionMandatory(false))
    .addHelpText(
      'after',
      examples(
        ['gabarit sign out/debian-12/20261123.1', 'Writes manifest.json.minisig and manifest.json.sigstore.json.'],
        ['gabarit sign debian-12@stable --store s3://templates', 'A published image, after the key that signed it was revoked.'],
      ),
    )
    .action((what: string, { store }: { store?: string }) =>
      run(async ({ globals, signal, openApp, answer }) => {
        const app = await openApp({ kind: 'data' });
        const inStore = store !== undefined && !isFolder(what, store);
        const { signedBy, files } = await (inStore
          ? app.signPublished(parseImageReference(what), store, signal)
          : app.keys.sign(what));
        const names = files.map(({ name }) => name);
        const lines = names.map((name) => `  ${inStore ? name : `${shortPath(what)}/${name}`}\n`);
        answer({ image: what, signedBy, files: names }, () =>
          globals.quiet ? '' : `Signed by ${signedBy.name} (${signedBy.id})\n${lines.join('')}`,
        );
      }),
    );
}
