import { Command } from 'commander';
import { parseImageReference } from '../../model/image-reference.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { byOption, imageHelp, type StoreOption, storeOption } from '../store-option.ts';

export function revokeCommand(run: Run): Command {
  return new Command('revoke')
    .summary('forbid an image, and all that was built on it')
    .description(
      'Forbids an image and all that was built on it: nobody gets it any more by its name, it is deployed nowhere, and it leaves every channel at once.\nIts files stay until they are pruned; catalog restore takes it back.',
    )
    .argument('<image>', imageHelp)
    .addOption(storeOption())
    .requiredOption('--reason <text>', 'why, in one sentence: everybody who is refused reads it')
    .option('--fallback', 'let its channels go back to the newest older image that is not revoked, instead of to nothing')
    .addOption(byOption())
    .addHelpText(
      'after',
      examples([
        "gabarit catalog revoke debian-12@20261123.1 --reason 'its SSH server has a known hole' --fallback --store file:/srv/templates",
        'Nobody uses it any more; channels go back to the version before it.',
      ]),
    )
    .action(
      (
        reference: string,
        { store, reason, fallback = false, by }: StoreOption & { reason: string; fallback?: boolean; by?: string },
      ) =>
        run(async ({ globals, style, signal, openApp, answer }) => {
          const wanted = parseImageReference(reference);
          const { revokedText } = await import('../render/catalog-changes.ts');
          const catalog = await (await openApp({ kind: 'data' })).catalog(store, { by });
          const result = await catalog.revoke(wanted, reason, { fallback }, signal);
          answer(result, () => (globals.quiet ? '' : revokedText(result, style)));
        }),
    );
}

export function restoreCommand(run: Run): Command {
  return new Command('restore')
    .summary('allow a revoked image again')
    .description(
      'Allows a revoked image again, and all that was revoked with it. Channels stay as they are: promote it where it shall be used.',
    )
    .argument('<image>', 'NAME@VERSION or NAME@sha256:...')
    .addOption(storeOption())
    .addOption(byOption())
    .addHelpText(
      'after',
      examples(['gabarit catalog restore debian-12@20261123.1 --store file:/srv/templates', 'It was a false alarm.']),
    )
    .action((reference: string, { store, by }: StoreOption & { by?: string }) =>
      run(async ({ globals, signal, openApp, answer }) => {
        const wanted = parseImageReference(reference);
        const catalog = await (await openApp({ kind: 'data' })).catalog(store, { by });
        const restored = await catalog.restore(wanted, signal);
        const text = restored.map(({ template, version }) => `${template}@${version} may be used again\n`).join('');
        answer({ restored }, () => (globals.quiet ? '' : text));
      }),
    );
}
