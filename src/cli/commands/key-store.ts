import { Command } from 'commander';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { storeOption } from '../store-option.ts';

/** `gabarit key ...`, as far as it concerns the keys of a store. */
export function storeKeyCommands(run: Run): Command[] {
  return [
    trustCommand(run),
    forgetCommand(run),
    addCommand(run),
    rotateCommand(run),
    endCommand(run, 'retire'),
    endCommand(run, 'revoke'),
  ];
}

interface StoreOption {
  store: string;
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

function trustCommand(run: Run): Command {
  return new Command('trust')
    .summary('trust the keys of a store')
    .description(
      'Trusts the keys that a store is signed with, and shows their fingerprints. Later changes of keys are followed by themselves, as each is signed by a key from before.\nCompare the fingerprint with what the publisher says on another way than through the store; or give it, and no other key is trusted.',
    )
    .argument('[file]', 'the public key of the publisher (gabarit key export)')
    .addOption(storeOption())
    .option('--fingerprint <fingerprint>', 'trust only a store that this key has signed')
    .addHelpText(
      'after',
      examples(
        ['gabarit key trust --store s3://templates', 'At first use, with a look at the fingerprint.'],
        ['gabarit key trust --store s3://templates --fingerprint sha256:...', 'In CI: this key or none.'],
        ['gabarit key trust publisher.pub --store s3://templates', 'The same, with the key as a file.'],
      ),
    )
    .action((file: string | undefined, { store, fingerprint }: StoreOption & { fingerprint?: string }) =>
      run(async ({ globals, style, openApp, answer }) => {
        const app = await openApp({ kind: 'data' });
        const opened = app.store(store);
        const { keys, by, isFirstUse } = await app.keys.trustOnly(opened, { file, fingerprint });
        const { trustText } = await import('../render/keys.ts');
        answer({ store: opened.url, keys, by, isFirstUse }, () =>
          globals.quiet ? '' : trustText({ url: opened.url, keys, by, isFirstUse }, style),
        );
      }),
    );
}

function forgetCommand(run: Run): Command {
  return new Command('forget')
    .summary('forget what this machine knows of a store')
    .description(
      'Forgets the keys that this machine trusts for a store, and how new a catalog it has seen there. Only for a store that was made anew on purpose: the next use trusts whatever keys it finds.',
    )
    .addOption(storeOption())
    .addHelpText('after', examples(['gabarit key forget --store file:/srv/templates', 'Begin anew with this store.']))
    .action(({ store }: StoreOption) =>
      run(async ({ globals, openApp, answer }) => {
        const app = await openApp({ kind: 'data' });
        const opened = app.store(store);
        const known = await app.keys.forget(opened);
        const text = known ? `${opened.url} is forgotten\n` : `Nothing was known of ${opened.url}\n`;
        answer({ store: opened.url, known }, () => (globals.quiet ? '' : text));
      }),
    );
}

function addCommand(run: Run): Command {
  return new Command('add')
    .summary('let a further key sign in a store')
    .description('Lets a further key sign in a store: that of a colleague, or of the CI. Readers follow by themselves.')
    .argument('<file>', 'the public key (gabarit key export), or the name of a key of this user')
    .addOption(storeOption())
    .addHelpText('after', examples(['gabarit key add anna.pub --store s3://templates', 'Anna can publish there, too.']))
    .action((file: string, { store }: StoreOption) =>
      run(async ({ globals, openApp, answer }) => {
        const app = await openApp({ kind: 'data' });
        const opened = app.store(store);
        const { keys, key } = await app.keys.add(opened, file);
        answer({ store: opened.url, keys, key }, () =>
          globals.quiet ? '' : `${key.name} (${key.id}) may sign in ${opened.url} now\n`,
        );
      }),
    );
}

function rotateCommand(run: Run): Command {
  return new Command('rotate')
    .summary('put a new key in the place of this user’s')
    .description(
      'Makes a new key, lets it into the named stores, signs their catalogs with it, and ends the old key: what it signed stays good, and readers follow by themselves. If it breaks off, run it again.',
    )
    .option('--store <url>', 'a store that knows the key; repeat it for each of them', collect)
    .addHelpText(
      'after',
      examples(['gabarit key rotate --store s3://templates --store file:/srv/templates', 'Once a year, say.']),
    )
    .action(({ store: stores = [] }: { store?: string[] }) =>
      run(async ({ globals, signal, openApp, answer }) => {
        const app = await openApp({ kind: 'data' });
        const { before, after } = await app.rotateKey(stores, signal);
        answer({ before, after, stores }, () =>
          globals.quiet
            ? `${after.id}\n`
            : `${after.id} signs from now on\n${before.id} no longer does; what it signed stays good\n`,
        );
      }),
    );
}

const endings = {
  retire: {
    summary: 'end the use of a key in a store',
    description: 'Ends the use of a key in a store: it cannot sign any more, and what it signed stays good.',
    done: 'may no longer sign there; what it signed stays good',
  },
  revoke: {
    summary: 'take all belief from a key',
    description:
      'Takes all belief from a key in a store, for ever, as somebody else may have it: images that only it has signed are refused until gabarit sign IMAGE signs them with another key.',
    done: 'is believed no longer. Sign what it signed and you still vouch for again: gabarit sign IMAGE --store ...',
  },
};

function endCommand(run: Run, kind: 'retire' | 'revoke'): Command {
  const { summary, description, done } = endings[kind];
  const command = new Command(kind)
    .summary(summary)
    .description(description)
    .argument('<key>', 'its fingerprint (the beginning is enough), or its name')
    .addOption(storeOption());
  if (kind === 'revoke') command.requiredOption('--reason <text>', 'why, in one sentence, for those who are refused');
  const example =
    kind === 'revoke'
      ? 'gabarit key revoke 3f1c9a2e --store s3://templates --reason "the laptop was stolen"'
      : 'gabarit key retire 3f1c9a2e --store s3://templates';
  return command
    .addHelpText('after', examples([example, 'Where another key of the store is.']))
    .action((name: string, { store, reason = '' }: StoreOption & { reason?: string }) =>
      run(async ({ globals, openApp, answer }) => {
        const app = await openApp({ kind: 'data' });
        const opened = app.store(store);
        const keys = kind === 'retire' ? await app.keys.retire(opened, name) : await app.keys.revoke(opened, name, reason);
        answer({ store: opened.url, keys }, () => (globals.quiet ? '' : `${name} ${done}\n`));
      }),
    );
}
