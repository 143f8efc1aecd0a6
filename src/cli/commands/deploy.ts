import { Command, InvalidArgumentError } from 'commander';
import type { DeployRequestOptions } from '../../model/deploy.ts';
import { parseImageReference } from '../../model/image-reference.ts';
import { parseRate } from '../../model/rate.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { endOnTargets } from '../end-on-targets.ts';
import { storeOption } from '../store-option.ts';
import { targetOption } from '../target-option.ts';

interface Options {
  store: string;
  target: string[];
  dryRun?: boolean;
  limit?: number;
  test?: boolean;
}

export function deployCommand(run: Run): Command {
  return new Command('deploy')
    .summary('bring a published image to pools that run it')
    .description(
      "Brings a published image to targets: streams it there, makes it a VM template of the template's name, and retires the one before.\nWhat is there already is not sent again. When something fails, the target stays as it was.",
    )
    .argument('<image>', 'NAME@CHANNEL, NAME@VERSION, NAME@sha256:... or NAME (its newest version)')
    .addOption(targetOption())
    .addOption(storeOption())
    .option('--dry-run', 'look at everything, and only say what would happen')
    .option('--limit <rate>', 'send no more than this in a second, for example 50MiB/s', rate)
    .option('--test', 'boot a clone and wait for its agent before the new version gets the name')
    .option('--no-test', 'do not, whatever the configuration says')
    .addHelpText(
      'after',
      examples(
        [
          'gabarit deploy debian-12@stable --target lab --store file:/srv/templates',
          'What the channel stable points at, to one pool.',
        ],
        ['gabarit deploy debian-12@stable --target lab --target prod --limit 50MiB/s --store prod', 'To two pools, slowly.'],
        ['gabarit deploy debian-12@20261123.1 --target lab --dry-run --store prod', 'What would happen.'],
      ),
    )
    .action((reference: string, options: Options) =>
      run(async (context) => {
        const request = requestOf(reference, options);
        const app = await context.openApp({ kind: 'steps', several: options.target.length > 1 });
        return endOnTargets(context, await app.deploy(request, options.store, context.signal));
      }),
    );
}

function requestOf(reference: string, { target: targets, dryRun, limit, test }: Options): DeployRequestOptions {
  return {
    image: parseImageReference(reference),
    targets,
    dryRun: dryRun === true,
    ...(limit === undefined ? {} : { bytesPerSecond: limit }),
    ...(test === undefined ? {} : { test }),
  };
}

function rate(text: string): number {
  const bytes = parseRate(text);
  if (bytes === undefined) throw new InvalidArgumentError('It must be a rate such as 50MiB/s.');
  return bytes;
}
