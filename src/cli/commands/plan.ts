import { Command, Option } from 'commander';
import type { Arch } from '../../model/platform.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';

const arches: readonly Arch[] = ['amd64'];

export function planCommand(run: Run): Command {
  return new Command('plan')
    .summary('show what a build would do')
    .description('Shows what a build would do: the definition with all defaults, and the exact packages. Builds nothing.')
    .argument('<template>', 'name of a template, or path of a definition')
    .addOption(new Option('--arch <arch>', 'architecture, when the template has several').choices(arches))
    .option('--offline', 'use only what the cache holds: no network')
    .addHelpText(
      'after',
      examples(
        ['gabarit plan debian-12', 'A summary; with -v also every package.'],
        ['gabarit plan debian-12 --json > plan.json', 'The whole plan, for "gabarit build --plan plan.json".'],
      ),
    )
    .action((name: string, options: { arch?: Arch; offline?: boolean }) =>
      run(async ({ globals, style, signal, openApp, answer }) => {
        const { planText } = await import('../render/plan.ts');
        const app = await openApp({ kind: 'data' });
        const { arch } = options;
        const plan = await app.plan(name, { ...(arch === undefined ? {} : { arch }), offline: options.offline === true }, signal);
        answer(plan, () => (globals.quiet ? `${plan.id}\n` : planText(plan, style, globals.verbose === true)));
      }),
    );
}
