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
    .option('--allow-end-of-life', 'also for a release that nobody repairs any more')
    .addHelpText(
      'after',
      examples(
        ['gabarit plan debian-12', 'A summary; with -v also every package.'],
        ['gabarit plan debian-12 --json > plan.json', 'The whole plan, for "gabarit build --plan plan.json".'],
      ),
    )
    .action((name: string, options: { arch?: Arch; offline?: boolean; allowEndOfLife?: boolean }) =>
      run(async ({ globals, style, signal, openApp, answer }) => {
        const { planText } = await import('../render/plan.ts');
        const app = await openApp({ kind: 'data' });
        const { arch, offline = false, allowEndOfLife = false } = options;
        const wish = { ...(arch === undefined ? {} : { arch }), offline, allowEndOfLife };
        const plan = await app.plan(name, wish, signal);
        answer(plan, () => (globals.quiet ? `${plan.id}\n` : planText(plan, style, globals.verbose === true)));
      }),
    );
}
