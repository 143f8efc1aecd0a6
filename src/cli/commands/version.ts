import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { Run } from '../context.ts';

const packageFile = new URL('../../../package.json', import.meta.url);

/** Of Gabarit, from package.json. */
export function gabaritVersion(): string {
  return (JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }).version;
}

export function versionCommand(run: Run): Command {
  return new Command('version')
    .summary('versions of Gabarit and Node.js')
    .description('Shows the version of Gabarit, and of the Node.js that runs it.')
    .action(() =>
      run(async ({ globals, answer }) => {
        const gabarit = gabaritVersion();
        const { node } = process.versions;
        const platform = `${process.platform} ${process.arch}`;
        answer({ gabarit, node, platform }, () =>
          globals.quiet ? `${gabarit}\n` : `Gabarit ${gabarit}, Node.js ${node}, ${platform}\n`,
        );
      }),
    );
}
