import { Command, Option } from 'commander';
import { type CiSystem, ciSystems } from '../../pipeline/init-repository.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';

interface Options {
  name: string;
  from: string;
  ci: CiSystem;
  storeUrl: string;
  endpoint?: string;
}

export function initCommand(run: Run): Command {
  return new Command('init')
    .summary('make a repository of definitions')
    .description(
      'Makes a repository of definitions: a first template, a workflow that builds and publishes what has changed, README, the\nschema for editors, and a git repository around them.',
    )
    .argument('<folder>', 'a new or empty folder')
    .option('--name <name>', 'the first template', 'web-server')
    .option('--from <template>', 'what it extends', 'debian-13')
    .addOption(new Option('--ci <system>', 'whose workflow').choices(ciSystems).default('github'))
    .option('--store-url <url>', 'where images are published: s3://bucket/prefix, or file:/srv/templates', 's3://templates')
    .option('--endpoint <url>', 'where S3 is spoken, when it is not AWS')
    .addHelpText(
      'after',
      examples(
        ['gabarit init templates', 'With a workflow for GitHub.'],
        ['gabarit init templates --ci gitlab --from debian-12 --name database', 'For GitLab, with another first template.'],
        ['gabarit init templates --store-url s3://images --endpoint https://s3.example.org', 'Published to an S3 of your own.'],
      ),
    )
    .action((folder: string, { storeUrl, endpoint, ...options }: Options) =>
      run(async ({ globals, openApp, answer }) => {
        const app = await openApp({ kind: 'data' });
        const files = await app.initRepository({ folder, ...options, store: storeUrl, endpoint });
        answer({ folder, files }, () => (globals.quiet ? `${folder}\n` : initText(folder, files, options.name)));
      }),
    );
}

function initText(folder: string, files: readonly string[], name: string): string {
  const next = [`cd ${folder}`, `gabarit build ${name}`, 'git add . && git commit -m "Begin with a first template"'];
  return `Wrote ${folder}:\n${files.map((file) => `  ${file}\n`).join('')}\nNext:\n${next.map((line) => `  ${line}\n`).join('')}`;
}
