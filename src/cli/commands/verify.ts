import { Command } from 'commander';
import type { Run } from '../context.ts';
import { AppError } from '../../util/errors.ts';
import { examples } from '../help-text.ts';

export function verifyCommand(run: Run): Command {
  return new Command('verify')
    .summary('prove an image: offline, booted, cloned')
    .description(
      'Proves an image on the bytes that will be published: reads it offline, boots it by BIOS and UEFI, and compares two clones.\nThe image is never changed. Without KVM the machines are emulated, which takes minutes.',
    )
    .argument('<folder>', 'the output folder of a build')
    .option('--no-boot', 'only the checks that need no machine')
    .addHelpText(
      'after',
      examples(
        ['gabarit verify out/debian-12/20261123.1', 'All checks.'],
        ['gabarit verify out/debian-12/20261123.1 --no-boot', 'Only what can be read from the disk: seconds.'],
      ),
    )
    .action((folder: string, { boot }: { boot: boolean }) =>
      run(async ({ globals, style, signal, openApp, answer }) => {
        const app = await openApp({ kind: 'steps' });
        const { verdictSummary } = await import('../render/verdicts.ts');
        const verdicts = await app.verify(folder, { boot }, signal);
        const failed = verdicts.filter(({ status }) => status === 'fail');
        answer({ type: 'result', verdicts }, () => (globals.quiet ? '' : verdictSummary(verdicts, style)));
        if (failed.length > 0) {
          throw new AppError('CHECK_FAILED', `${folder} failed ${failed.length} of ${verdicts.length} checks`, {
            faults: failed.map(({ check, subject, message }) => ({
              message: `${check}${subject === undefined ? '' : ` (${subject})`}: ${message}`,
            })),
          });
        }
      }),
    );
}
