import { Command } from 'commander';
import { errorTable } from '../../util/errors.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { hostText } from '../render/host.ts';

export function doctorCommand(run: Run): Command {
  return new Command('doctor')
    .summary('try out what this host can do')
    .description(
      'Tries out what this host can do: tools and their versions, KVM, user namespaces, space, mirrors. Changes nothing.',
    )
    .addHelpText(
      'after',
      examples(
        ['gabarit doctor', 'What builds and boots need; exit code 4 when a build cannot work here.'],
        ['gabarit doctor --verbose', 'Also each tool that the tests of Gabarit itself need.'],
        ['gabarit doctor --json', 'The same for programs.'],
      ),
    )
    .action(() =>
      run(async ({ globals, style, signal, openApp, answer }) => {
        const report = await (await openApp({ kind: 'data' })).doctor(signal);
        answer(report, () => hostText(report, style, globals));
        return report.canBuild ? 0 : errorTable.HOST_NOT_READY.exit;
      }),
    );
}
