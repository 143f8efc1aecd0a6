import { Command, Option } from 'commander';
import type { Run } from '../context.ts';
import { isFolder } from '../folder-or-image.ts';
import { examples } from '../help-text.ts';
import { storeOption } from '../store-option.ts';

interface Options {
  store?: string;
  as: 'cyclonedx' | 'spdx';
}

export function sbomCommand(run: Run): Command {
  return new Command('sbom')
    .summary('print the list of components of an image')
    .description(
      'Prints the list of components of an image that was built or published: every package with its purl, its licences and the\ndigest of the file that it came from. It is compared with the digest in the manifest first.',
    )
    .argument('<folder|image>', 'the output folder of a build; or NAME, NAME@CHANNEL, NAME@VERSION or NAME@sha256:... of a store')
    .addOption(storeOption().makeOptionMandatory(false))
    .addOption(
      new Option('--as <format>', 'CycloneDX 1.6 as it was written, or SPDX 2.3')
        .choices(['cyclonedx', 'spdx'])
        .default('cyclonedx'),
    )
    .addHelpText(
      'after',
      examples(
        ['gabarit sbom out/debian-12/20261123.1', 'As the build wrote it.'],
        ['gabarit sbom debian-12@stable --store prod --as spdx > debian-12.spdx.json', 'For readers of SPDX.'],
      ),
    )
    .action((what: string, { store, as }: Options) =>
      run(async ({ openApp, answer }) => {
        const app = await openApp({ kind: 'data' });
        const list = await app.sbom(isFolder(what, store) && !/[/\\]/.test(what) ? `./${what}` : what, store, as);
        answer(list, () => `${JSON.stringify(list, null, 2)}\n`);
      }),
    );
}
