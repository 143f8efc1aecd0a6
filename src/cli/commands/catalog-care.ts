import { Command, InvalidArgumentError } from 'commander';
import type { App } from '../../app.ts';
import { AppError } from '../../util/errors.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { type StoreOption, storeOption } from '../store-option.ts';

interface PruneFlags extends StoreOption {
  keepLast?: number;
  keepDays?: number;
  targets: boolean;
  apply?: boolean;
}

/** Digests of the images that lie on the targets of the configuration. @throws AppError CONFLICT when one does not answer: it might use anything */
async function deployedOn(app: App, signal: AbortSignal): Promise<Set<string>> {
  if (Object.keys(app.config.targets).length === 0) return new Set();
  const listings = await app.deployments([], undefined, signal);
  const silent = listings.find(({ error }) => error !== undefined);
  if (silent) {
    throw new AppError('CONFLICT', `${silent.target} cannot be asked which images it uses`, {
      cause: silent.error,
      hint: `${silent.error?.message ?? ''}. --no-targets removes images without asking.`,
    });
  }
  return new Set(listings.flatMap(({ deployments }) => deployments.map(({ digest }) => digest)));
}

export function pruneCommand(run: Run): Command {
  return new Command('prune')
    .summary('remove old images')
    .description(
      'Removes images that are neither among the last ones of their template nor young enough. It only shows what it would remove, until you add --apply.\nWhat a channel points at, what is proposed for one, what lies on a target of the configuration, and what an image that stays was built on, always stays.',
    )
    .argument('[template]', 'only this template')
    .addOption(storeOption())
    .option('--keep-last <count>', 'keep so many of each template, the newest ones', wholeNumber)
    .option('--keep-days <days>', 'keep what was published within so many days', wholeNumber)
    .option('--no-targets', 'do not ask the targets of the configuration what they use')
    .option('--apply', 'do it')
    .addHelpText(
      'after',
      examples(
        ['gabarit catalog prune --keep-last 5 --store file:/srv/templates', 'Show what would be removed.'],
        [
          'gabarit catalog prune --keep-last 5 --keep-days 30 --apply --store file:/srv/templates',
          'Remove what is neither of both.',
        ],
      ),
    )
    .action((template: string | undefined, { store, keepLast, keepDays, targets, apply = false }: PruneFlags) =>
      run(async ({ globals, signal, openApp, answer }) => {
        const { pruneText } = await import('../render/catalog-changes.ts');
        const app = await openApp({ kind: 'data' });
        const catalog = await app.catalog(store);
        const inUse = targets ? await deployedOn(app, signal) : new Set<string>();
        const result = await catalog.prune({ keepLast, keepDays }, { template, apply, inUse }, signal);
        answer(result, () => (globals.quiet ? '' : pruneText(result)));
      }),
    );
}

export function repairCommand(run: Run): Command {
  return new Command('repair')
    .summary('put damaged indexes right')
    .description(
      'Compares each index with what is really in the store. A damaged or lost index is made again from its copies and from the images themselves; images of which something is missing are taken out. It only shows what it would do, until you add --apply.',
    )
    .argument('[template]', 'only this template')
    .addOption(storeOption())
    .option('--apply', 'do it')
    .addHelpText(
      'after',
      examples(['gabarit catalog repair debian-12 --apply --store file:/srv/templates', 'Make its index whole again.']),
    )
    .action((template: string | undefined, { store, apply = false }: StoreOption & { apply?: boolean }) =>
      run(async ({ globals, signal, openApp, answer }) => {
        const { repairText } = await import('../render/catalog-changes.ts');
        const catalog = await (await openApp({ kind: 'data' })).catalog(store);
        const reports = await catalog.repair({ template, apply }, signal);
        answer(reports, () => (globals.quiet ? '' : repairText(reports)));
      }),
    );
}

export function siteCommand(run: Run): Command {
  return new Command('site')
    .summary('write the page and the tree for Incus anew')
    .description(
      'Writes what is derived from the catalog anew: index.html for people, streams/ for Incus and LXD, and the list of templates for readers over plain HTTP. Every command that changes the catalog does this by itself.',
    )
    .addOption(storeOption())
    .addHelpText('after', examples(['gabarit catalog site --store file:/srv/templates', 'After the page was lost, for example.']))
    .action(({ store }: StoreOption) =>
      run(async ({ globals, signal, openApp, answer }) => {
        const keys = await (await (await openApp({ kind: 'data' })).catalog(store)).writeSite(signal);
        answer({ written: keys }, () => (globals.quiet ? '' : keys.map((key) => `${key}\n`).join('')));
      }),
    );
}

function wholeNumber(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}
