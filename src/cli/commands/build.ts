import { Command, InvalidArgumentError, Option } from 'commander';
import type { BuildRequest, BuildResult } from '../../model/build.ts';
import { AppError } from '../../util/errors.ts';
import type { Run } from '../context.ts';
import type { ServerBuild } from '../queue/build-on-server.ts';
import { examples } from '../help-text.ts';
import { errorJson, exitCodeOf } from '../render/error.ts';
import { type ServerOptions, withServerOptions } from '../server-option.ts';

interface Options extends ServerOptions {
  store?: string;
  channel?: string;
  detach?: boolean;
  jobs: number;
  force?: boolean;
  formats?: string[];
  plan?: string;
  offline?: boolean;
  allowEndOfLife?: boolean;
  checkReproducible?: boolean;
  verify?: boolean;
  newerThan?: string;
  onError?: 'clean' | 'keep';
}

export function buildCommand(run: Run): Command {
  const command = new Command('build')
    .summary('build images from templates')
    .description(
      'Builds images from templates: disk, checks and manifest, in out/TEMPLATE/VERSION.\nWhat has not changed since an earlier build is taken from the cache; a build that was stopped goes on where it was.',
    )
    .argument('[template...]', 'names of templates, or paths of definitions')
    .option('-j, --jobs <n>', 'builds at the same time', atLeastOne, 1)
    .option('--force', 'do all steps again')
    .option('--formats <list>', 'formats instead of those of the template, separated by commas', listOf)
    .option('--plan <file>', 'build exactly this plan (made by "gabarit plan NAME --json", or the plan.json of an image)')
    .option('--offline', 'use only what the cache holds: no network')
    .option('--allow-end-of-life', 'also a release that nobody repairs any more')
    .option('--check-reproducible', 'build twice and explain every difference')
    .option('--newer-than <version>', 'the version follows this one, too: of an image published from elsewhere', version)
    .addOption(
      new Option('--on-error <what>', 'with the engine packer: keep the machine that a build fails in, for a look').choices([
        'clean',
        'keep',
      ]),
    )
    .option('--verify', 'then boot it, as "gabarit verify" does')
    .option('--store <store>', 'with --server: publish it to this store of the server')
    .option('--channel <name>', 'with --server: publish it, and let this channel point at it')
    .option('--detach', 'with --server: do not watch it')
    .addHelpText(
      'after',
      examples(
        ['gabarit build debian-12', 'Build one image.'],
        [
          'gabarit build debian-12 debian-12-minimal debian-13 --jobs 2',
          'Build three, two at a time; one that fails does not stop the others.',
        ],
        ['gabarit build debian-11 --allow-end-of-life', 'Build a release that nobody repairs any more.'],
        ['gabarit build ./my-server.yaml --formats qcow2,raw', 'Build a definition by its path, in two formats.'],
        ['gabarit build debian-12 --formats qcow2,vhd,vmdk,ova,xva', 'One disk in every format.'],
        ['gabarit plan debian-12 --json > plan.json && gabarit build --plan plan.json', 'Build the same packages again later.'],
        ['dir=$(gabarit build debian-12 --quiet)', 'In a script: the output folder, and nothing else.'],
        [
          'gabarit build debian-12 --server local --channel dev',
          'Let the server on this machine build and publish it, and watch.',
        ],
        ['gabarit build debian-12 --server https://gabarit.example --detach', 'Ask for it, and go home.'],
      ),
    )
    .action((templates: string[], options: Options) =>
      run(async (context) => {
        const { globals, style, signal, openApp, answer, showError } = context;
        if (options.server !== undefined) {
          const { buildByServer } = await import('./build-by-server.ts');
          return buildByServer(context, serverBuildOf(templates, options));
        }
        refuse(options, ['store', 'channel', 'detach'], 'is for builds by a server: name it by --server');
        if (options.plan !== undefined && templates.length > 0) {
          throw new AppError('USAGE', '--plan names what to build: name no template beside it');
        }
        const app = await openApp({ kind: 'steps', several: templates.length > 1 });
        const results = await app.build(requestOf(templates, options, app.config.outputDir), signal);
        const { buildSummary } = await import('../render/summary.ts');
        const folders = results.flatMap(({ output, error }) => (output !== undefined && !error ? [`${output}\n`] : []));

        const value = { type: 'result', results: results.map(resultJson) };
        answer(value, () => (globals.quiet ? folders.join('') : buildSummary(results, style, Object.keys(app.config.stores))));
        for (const { template, error } of results) if (error) showError(error, results.length > 1 ? template : undefined);
        return Math.max(0, ...results.map(({ error }) => (error ? exitCodeOf(error) : 0)));
      }),
    );
  return withServerOptions(command);
}

/** What only one of the two ways to build knows is refused in the other, not ignored. */
function refuse(options: Options, names: readonly (keyof Options)[], why: string): void {
  const given = names.find((name) => options[name] !== undefined && options[name] !== false);
  if (given === undefined) return;
  const flag = given.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw new AppError('USAGE', `--${flag} ${why}`);
}

function serverBuildOf(templates: string[], options: Options): ServerBuild & { server: ServerOptions; detach: boolean } {
  refuse(options, hereOnly, 'is for builds on this machine: a server does not know it');
  if (options.jobs !== 1) throw new AppError('USAGE', '--jobs is for builds on this machine: a server has its own limit');
  if (templates.length === 0) throw new AppError('USAGE', 'Say which template is to be built');
  const path = templates.find((template) => template.includes('/'));
  if (path !== undefined)
    throw new AppError('USAGE', `${path} is a file of this machine: a server builds its own templates, by their names`, {
      hint: 'Save it there: in the web page, or in the folder templates of its state folder.',
    });
  const { server, tokenFile, store, channel, detach, force, verify, offline, formats } = options;
  return {
    templates,
    store,
    channel,
    detach: detach === true,
    server: { ...(server === undefined ? {} : { server }), ...(tokenFile === undefined ? {} : { tokenFile }) },
    build: {
      ...(force === true ? { force } : {}),
      ...(verify === true ? { verify } : {}),
      ...(offline === true ? { offline } : {}),
      ...(formats === undefined ? {} : { formats }),
    },
  };
}

const hereOnly = ['plan', 'allowEndOfLife', 'checkReproducible', 'newerThan', 'onError'] as const;

function requestOf(templates: string[], options: Options, outputDir: string): BuildRequest {
  return {
    templates,
    ...(options.plan === undefined ? {} : { planFile: options.plan }),
    ...(options.formats === undefined ? {} : { formats: options.formats }),
    force: options.force === true,
    jobs: options.jobs,
    checkReproducible: options.checkReproducible === true,
    verify: options.verify === true,
    offline: options.offline === true,
    allowEndOfLife: options.allowEndOfLife === true,
    ...(options.newerThan === undefined ? {} : { newerThan: options.newerThan }),
    ...(options.onError === 'keep' ? { keepOnError: true } : {}),
    outputDir,
  };
}

function resultJson({ error, ...result }: BuildResult): object {
  return error === undefined ? result : { ...result, error: errorJson(error) };
}

function atLeastOne(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('It must be a number from 1.');
  return Number(text);
}

/** Nothing is the same as no version: what CI has not published yet. */
function version(text: string): string | undefined {
  if (text === '') return undefined;
  if (/^\d{8}\.\d{1,6}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be a version such as 20261125.1.');
}

function listOf(text: string): string[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.includes('')) throw new InvalidArgumentError('It must be a list such as qcow2,raw.');
  return [...new Set(items)];
}
