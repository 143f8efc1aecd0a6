import { Command } from 'commander';
import { parseImageReference } from '../../model/image-reference.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { imageHelp, type StoreOption, storeOption } from '../store-option.ts';

export function ancestryCommand(run: Run): Command {
  return new Command('ancestry')
    .summary('what an image was built on, and what on it')
    .description('Shows the published images that an image was built on, and those that were built on it.')
    .argument('<image>', imageHelp)
    .addOption(storeOption())
    .addHelpText(
      'after',
      examples(['gabarit catalog ancestry my-server@stable --store file:/srv/templates', 'Which base it has.']),
    )
    .action((reference: string, { store }: StoreOption) =>
      run(async ({ style, openApp, answer }) => {
        const wanted = parseImageReference(reference);
        const { ancestryText } = await import('../render/catalog-changes.ts');
        const ancestry = await (await (await openApp({ kind: 'data' })).catalog(store)).ancestry(wanted);
        answer(ancestry, () => ancestryText(ancestry, style));
      }),
    );
}

export function diffCommand(run: Run): Command {
  return new Command('diff')
    .summary('what differs between two images')
    .description(
      'Compares two images: packages and their versions, enabled units, listening ports, users, sudo, setuid programs, kernel arguments, and size by folder.\nEach is a published image, or an output folder (with a slash in its name).',
    )
    .argument('<from>', `the first: ${imageHelp}; or a folder`)
    .argument('<to>', 'the second')
    .addOption(storeOption().makeOptionMandatory(false))
    .addHelpText(
      'after',
      examples(
        ['gabarit catalog diff debian-12@stable debian-12@dev --store file:/srv/templates', 'What promoting dev would change.'],
        [
          'gabarit catalog diff debian-12@stable out/debian-12/20261123.1 --store file:/srv/templates',
          'What publishing would change.',
        ],
      ),
    )
    .action((from: string, to: string, { store }: Partial<StoreOption>) =>
      run(async ({ style, openApp, answer }) => {
        const { diffText } = await import('../render/inventory-diff.ts');
        const diff = await (await openApp({ kind: 'data' })).diff(from, to, store);
        answer({ from, to, ...diff }, () => diffText(diff, style));
      }),
    );
}
