import { Command, Option } from 'commander';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { shortPath } from '../render/words.ts';

/** As `src/engines/packer/builders` has them; a test compares. */
export const builderNames = [
  'qemu',
  'xenserver-iso',
  'vsphere-iso',
  'proxmox-iso',
  'hyperv-iso',
  'amazon-ebs',
  'azure-arm',
  'googlecompute',
  'openstack',
];

interface Options {
  builder: string;
  to?: string;
  packer: '1.6' | 'current';
  repack?: boolean;
  offline?: boolean;
  allowEndOfLife?: boolean;
}

export function packerCommand(run: Run): Command {
  return new Command('packer')
    .summary('work with Packer')
    .description('Writes what Packer needs, for teams that run it by hand.')
    .addHelpText('after', examples(['gabarit packer export debian-12 --builder qemu', 'Writes packer/debian-12-qemu.']))
    .addCommand(exportCommand(run));
}

function exportCommand(run: Run): Command {
  return new Command('export')
    .summary('write a folder for Packer')
    .description(
      'Writes a folder that Packer makes the image of a template from: template, variables, scripts, answers, and a README with the two commands.',
    )
    .argument('<template>', 'name of a template, or path of a definition')
    .addOption(new Option('--builder <builder>', "Packer's builder").choices(builderNames).makeOptionMandatory())
    .option('--to <folder>', 'where to write it (default: packer/TEMPLATE-BUILDER)')
    .addOption(
      new Option('--packer <version>', '1.6 for the one of Debian 12, current for 1.7 and newer')
        .choices(['1.6', 'current'])
        .default('current'),
    )
    .option('--repack', "put the answers onto the vendor's medium, so that nothing is typed (Debian, Ubuntu)")
    .option('--offline', 'use only what the cache holds: no network')
    .option('--allow-end-of-life', 'also for a release that nobody repairs any more')
    .addHelpText(
      'after',
      examples(
        ['gabarit packer export rocky-9 --builder xenserver-iso', 'Writes packer/rocky-9-xenserver-iso.'],
        [
          'gabarit packer export debian-12 --builder amazon-ebs --to ami',
          'From the AMI of the vendor; what must be said is in ami/README.md.',
        ],
      ),
    )
    .action((template: string, options: Options) =>
      run(async ({ globals, signal, openApp, answer }) => {
        const app = await openApp({ kind: 'data' });
        const { builder, packer, repack = false, offline = false, allowEndOfLife = false, to } = options;
        const wish = { builder, dialect: packer, repack, offline, allowEndOfLife, ...(to === undefined ? {} : { folder: to }) };
        const written = await app.exportPacker(template, wish, signal);
        const short = shortPath(written.folder);
        answer(written, () =>
          globals.quiet
            ? `${written.folder}\n`
            : `Wrote ${short}\n\nNext:\n  cat ${short}/README.md\n  cd ${short} && sh prepare.sh\n`,
        );
      }),
    );
}
