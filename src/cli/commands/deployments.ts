import { Command } from 'commander';
import { parseImageReference } from '../../model/image-reference.ts';
import { AppError } from '../../util/errors.ts';
import type { Run } from '../context.ts';
import { endOnTargets } from '../end-on-targets.ts';
import { examples } from '../help-text.ts';
import { errorJson, exitCodeOf } from '../render/error.ts';
import { targetOption } from '../target-option.ts';

export function deploymentsCommand(run: Run): Command {
  return new Command('deployments')
    .summary('what lies on pools: list, remove, sweep')
    .description('Looks at what lies on targets, removes deployments, and what killed runs left.')
    .addCommand(listCommand(run))
    .addCommand(removeCommand(run))
    .addCommand(sweepCommand(run));
}

function listCommand(run: Run): Command {
  return new Command('ls')
    .summary('list the deployments')
    .description(
      'Lists the deployments on targets: the current one of each template, retired ones, and what somebody else changed.',
    )
    .argument('[template]', 'only this template')
    .addOption(targetOption().makeOptionMandatory(false))
    .option('--store <store>', 'also say which of them were revoked in the catalog of this store')
    .addHelpText(
      'after',
      examples(
        ['gabarit deployments ls', 'On all targets of the configuration.'],
        [
          'gabarit deployments ls debian-12 --target lab --store file:/srv/templates',
          'Of one template on one pool; which were revoked?',
        ],
      ),
    )
    .action((template: string | undefined, { target = [], store }: { target?: string[]; store?: string }) =>
      run(async ({ globals, style, signal, openApp, answer, showError }) => {
        const app = await openApp({ kind: 'data' });
        const { deploymentsText } = await import('../render/deployments.ts');
        const found = await app.deployments(target, store, signal);
        const listings = found.map((listing) => ({
          ...listing,
          deployments: listing.deployments.filter((item) => template === undefined || item.template === template),
        }));
        const value = listings.map(({ error, ...rest }) => (error ? { ...rest, error: errorJson(error) } : rest));
        const names = listings.flatMap(({ deployments }) =>
          deployments
            .filter(({ state }) => state === 'current')
            .map((item) => `${item.target} ${item.template}@${item.version}\n`),
        );
        answer(value, () => (globals.quiet ? names.join('') : deploymentsText(listings, style)));
        for (const { target: name, error } of listings) if (error) showError(error, name);
        return Math.max(0, ...listings.map(({ error }) => (error ? exitCodeOf(error) : 0)));
      }),
    );
}

function removeCommand(run: Run): Command {
  return new Command('rm')
    .summary('remove deployments')
    .description('Removes a deployment with its disks from targets. Machines that were made from it stay.')
    .argument('<deployment>', 'NAME@VERSION, or NAME for all of it')
    .addOption(targetOption())
    .option('--force', 'also the current one, which people make machines from')
    .addHelpText('after', examples(['gabarit deployments rm debian-12@20261123.1 --target lab', 'Remove a retired version.']))
    .action((reference: string, { target: targets, force }: { target: string[]; force?: boolean }) =>
      run(async (context) => {
        const wanted = parseImageReference(reference);
        if (wanted.by === 'channel' || wanted.by === 'digest')
          throw new AppError('USAGE', `"${reference}" does not name a version`, {
            hint: 'Write for example debian-12@20261123.1.',
          });
        const app = await context.openApp({ kind: 'steps', several: targets.length > 1 });
        const request = {
          template: wanted.template,
          targets,
          force: force === true,
          ...(wanted.by === 'version' ? { version: wanted.version } : {}),
        };
        return endOnTargets(context, await app.removeDeployments(request, context.signal));
      }),
    );
}

function sweepCommand(run: Run): Command {
  return new Command('sweep')
    .summary('remove what killed runs left')
    .description(
      'Removes from targets what runs left that were killed, and finishes what they had decided. Touches only what bears the mark of a run that is dead. Every deployment does the same first.',
    )
    .addOption(targetOption().makeOptionMandatory(false))
    .addHelpText('after', examples(['gabarit deployments sweep', 'On all targets of the configuration.']))
    .action(({ target: targets = [] }: { target?: string[] }) =>
      run(async (context) => {
        const app = await context.openApp({ kind: 'steps', several: targets.length !== 1 });
        return endOnTargets(context, await app.sweepDeployments(targets, context.signal));
      }),
    );
}
