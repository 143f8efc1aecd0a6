import { Command } from 'commander';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';

export function inspectCommand(run: Run): Command {
  return new Command('inspect')
    .summary('say what a disk image or an installation medium is')
    .description(
      'Says what a file is, by its content and not by its name: the format with all its checksums compared, the partitions, and the\noperating system inside, read without starting it; of an image that was built here also its list of components. Media for CDs\nand USB sticks, too.',
    )
    .argument('<file>', 'a disk image, a machine (ova, xva), an ISO 9660 medium, or the folder of an image that was built')
    .option('--from <format>', 'the format of the file, where its content does not tell')
    .addHelpText(
      'after',
      examples(
        ['gabarit inspect disk.qcow2', 'What is in it?'],
        ['gabarit inspect out/debian-12/20261123.1', 'What is in the image that was built there?'],
        ['gabarit inspect export.xva', 'Is it whole? The checksum of every block is compared.'],
        ['gabarit inspect debian-12.5.0-amd64-netinst.iso --json', 'For programs.'],
      ),
    )
    .action((file: string, options: { from?: string }) =>
      run(async ({ style, globals, signal, openApp, answer }) => {
        const app = await openApp({ kind: globals.json ? 'data' : 'steps' });
        const { inspectionText } = await import('../render/inspection.ts');
        const found = await app.inspect(file, options, signal);
        answer(found, () => inspectionText(found, style));
      }),
    );
}
