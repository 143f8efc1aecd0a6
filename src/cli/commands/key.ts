import { Command } from 'commander';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { storeKeyCommands } from './key-store.ts';

export function keyCommand(run: Run): Command {
  const command = new Command('key')
    .summary('keys to sign with, keys to trust')
    .description(
      'Makes the keys that images are signed with, and says which keys of a store this machine trusts. A key has two parts under one fingerprint: one for sigstore (cosign), one for minisign.',
    )
    .addCommand(newCommand(run))
    .addCommand(listCommand(run))
    .addCommand(exportCommand(run));
  for (const child of storeKeyCommands(run)) command.addCommand(child);
  return command;
}

function newCommand(run: Run): Command {
  return new Command('new')
    .summary('make a signing key')
    .description(
      'Makes a signing key, in a file that only this user can read. The one called "default" signs from now on whatever is built, and the catalogs that are published to.',
    )
    .argument('[name]', 'what to call it (default: default)')
    .addHelpText('after', examples(['gabarit key new', 'Once, on each machine that publishes.']))
    .action((name: string | undefined) =>
      run(async ({ globals, style, openApp, answer }) => {
        const { keys } = await openApp({ kind: 'data' });
        const made = await keys.make(name);
        const { madeKeyText } = await import('../render/keys.ts');
        answer(made, () => (globals.quiet ? `${made.key.id}\n` : madeKeyText(made, style)));
      }),
    );
}

function listCommand(run: Run): Command {
  return new Command('ls')
    .summary('list keys')
    .description('Lists the keys of this user, or, with --store, those of a store: who may sign there, and who no longer.')
    .option('--store <url>', 'the keys of this store instead (a URL or a name)')
    .addHelpText(
      'after',
      examples(['gabarit key ls', 'Keys of this user.'], ['gabarit key ls --store file:/srv/templates', 'Keys of a store.']),
    )
    .action(({ store }: { store?: string }) =>
      run(async ({ style, openApp, answer }) => {
        const app = await openApp({ kind: 'data' });
        const { ownKeysText, storeKeysText } = await import('../render/keys.ts');
        if (store === undefined) {
          const keys = await app.keys.list();
          answer(keys, () => ownKeysText(keys, style));
          return;
        }
        const opened = app.store(store);
        const { keys, by, isFirstUse } = await app.keys.trust(opened);
        answer({ store: opened.url, keys: keys ?? null, by: by ?? null, isFirstUse }, () =>
          storeKeysText(opened.url, keys, by, style),
        );
      }),
    );
}

function exportCommand(run: Run): Command {
  return new Command('export')
    .summary('print the public half of a key')
    .description(
      'Prints the public half of a key: as Gabarit reads it (to let a colleague in), or as the tools of other formats do (to verify without Gabarit).',
    )
    .argument('[name]', 'which key (default: the one that signs)')
    .option('--format <format>', 'gabarit, minisign (for minisign -p) or sigstore-bundle (for cosign --key)', 'gabarit')
    .addHelpText(
      'after',
      examples(
        ['gabarit key export > anna.pub', 'For gabarit key add, on the machine of who has a key already.'],
        ['gabarit key export --format minisign > minisign.pub', 'For minisign -V -p minisign.pub -m manifest.json'],
        ['gabarit key export --format sigstore-bundle > cosign.pub', 'For cosign verify-blob --key cosign.pub'],
      ),
    )
    .action((name: string | undefined, { format }: { format: string }) =>
      run(async ({ openApp, answer }) => {
        const text = await (await openApp({ kind: 'data' })).keys.exportKey(name, format);
        answer({ format, text }, () => text);
      }),
    );
}
