import { Command, CommanderError } from 'commander';
import { auditCommand } from './commands/audit.ts';
import { buildCommand } from './commands/build.ts';
import { cacheCommand } from './commands/cache.ts';
import { catalogCommand } from './commands/catalog.ts';
import { ciCommand } from './commands/ci.ts';
import { completionCommand } from './commands/completion.ts';
import { dbCommand } from './commands/db.ts';
import { deployCommand } from './commands/deploy.ts';
import { deploymentsCommand } from './commands/deployments.ts';
import { consoleCommand } from './commands/console.ts';
import { convertCommand } from './commands/convert.ts';
import { explainCommand } from './commands/explain.ts';
import { doctorCommand } from './commands/doctor.ts';
import { initCommand } from './commands/init.ts';
import { inspectCommand } from './commands/inspect.ts';
import { jobsCommand } from './commands/jobs.ts';
import { keyCommand } from './commands/key.ts';
import { newCommand } from './commands/new.ts';
import { packerCommand } from './commands/packer.ts';
import { planCommand } from './commands/plan.ts';
import { publishCommand } from './commands/publish.ts';
import { rollbackCommand } from './commands/rollback.ts';
import { runJobCommand } from './commands/run-job.ts';
import { sbomCommand } from './commands/sbom.ts';
import { schedulesCommand } from './commands/schedules.ts';
import { schemaCommand } from './commands/schema.ts';
import { secretsCommand } from './commands/secrets.ts';
import { serveCommand } from './commands/serve.ts';
import { signCommand } from './commands/sign.ts';
import { storeCommand } from './commands/store.ts';
import { templatesCommand } from './commands/templates.ts';
import { verifyCommand } from './commands/verify.ts';
import { gabaritVersion, versionCommand } from './commands/version.ts';
import { workerCommand } from './commands/worker.ts';
import type { Globals, Io, Run } from './context.ts';
import { errorJson, errorText, exitCodeOf } from './render/error.ts';
import { runCommand } from './run.ts';
import { styleFor, wantsColor } from './style.ts';
import { withEnvFile } from '../util/env-file.ts';
import { AppError } from '../util/errors.ts';

/** The whole tree of commands. It says what there is and how to call it; what does the work is loaded when a command runs. */
export function createProgram(run: Run): Command {
  const program = new Command('gabarit')
    .description('Makes hardened, tested VM templates (golden images) from a short definition.')
    .version(gabaritVersion(), '-V, --version', 'show the version')
    .option('--json', 'for programs: one event a line, the result last')
    .option('-q, --quiet', 'only errors, and the bare result')
    .option('-v, --verbose', 'also what tools and scripts say')
    .option('--no-color', 'no colours (also NO_COLOR=1; FORCE_COLOR=1 forces them)')
    .option('--cache-dir <folder>', 'the build cache (also GABARIT_CACHE)')
    .option('--out <folder>', 'where images are written (also GABARIT_OUT; default: out)')
    .option('--config <file>', 'the configuration file (default: gabarit.yaml, when it exists)')
    .option('--env-file <file>', 'variables that the environment lacks; never in CI, and no file is read unasked')
    .option('--yes', 'install missing tools of the host without asking')
    .helpOption('-h, --help', 'show this help')
    .addHelpCommand(
      new Command('help').argument('[command]').summary('show the help of a command').helpGroup('Look after this host:'),
    )
    .configureHelp({ showGlobalOptions: true });
  program.addHelpText(
    'after',
    '\nBegin with:\n  $ gabarit templates\n  $ gabarit build debian-12\n\nExit codes: 0 success, 2 wrong usage; "gabarit explain" lists them all',
  );
  const add = (title: string, commands: Command[]): void => {
    for (const command of commands) program.addCommand(inherit(program, command.helpGroup(title)));
  };
  add('Make images:', [
    buildCommand(run),
    verifyCommand(run),
    planCommand(run),
    templatesCommand(run),
    newCommand(run),
    packerCommand(run),
  ]);
  add('Look at disks, and convert them:', [inspectCommand(run), sbomCommand(run), convertCommand(run)]);
  add('Share images:', [publishCommand(run), catalogCommand(run), signCommand(run), keyCommand(run), storeCommand(run)]);
  add('Run images:', [deployCommand(run), rollbackCommand(run), deploymentsCommand(run), consoleCommand(run)]);
  add('Run builds for others:', [
    serveCommand(run),
    workerCommand(run),
    jobsCommand(run),
    schedulesCommand(run),
    dbCommand(run),
    auditCommand(run),
  ]);
  add('Build by CI:', [initCommand(run), ciCommand(run)]);
  add('Look after this host:', [
    doctorCommand(run),
    explainCommand(run),
    secretsCommand(run),
    cacheCommand(run),
    completionCommand(run, () => program),
    schemaCommand(run),
    versionCommand(run),
  ]);
  // Started by workers alone.
  program.addCommand(inherit(program, runJobCommand(run)), { hidden: true });
  return program;
}

/** Settings do not reach commands that were made apart. */
function inherit(parent: Command, command: Command): Command {
  command.copyInheritedSettings(parent);
  // "gabarit help COMMAND" is enough; in each group of commands it would only stand in the way.
  if (command.commands.length > 0) command.helpCommand(false);
  for (const child of command.commands) inherit(command, child);
  return command;
}

/** Gives options the values that variables have for them: the library reads those of the process alone, not those of `--env-file`. */
function fillFrom(environment: NodeJS.ProcessEnv, command: Command): void {
  for (const option of command.options) {
    const value = option.envVar === undefined ? undefined : environment[option.envVar];
    if (value !== undefined) command.setOptionValueWithSource(option.attributeName(), value, 'env');
  }
  for (const child of command.commands) fillFrom(environment, child);
}

/** Parses the arguments, carries the command out, and returns the exit code. */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  let code = 0;
  const program = createProgram(async (work) => {
    code = await runCommand(program.opts<Globals>(), io, work);
  });
  setOutput(program, io, argv);
  program.hook('preSubcommand', async (_, command) => {
    const { envFile } = program.opts<Globals>();
    if (envFile !== undefined) fillFrom(await withEnvFile(envFile, io.environment), command);
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof AppError) {
      if (argv.includes('--json')) io.stdout.write(`${JSON.stringify(errorJson(error))}\n`);
      else io.stderr.write(errorText(error, styleFor(wantsColor(true, io.stderr.isTTY === true, io.environment)), false));
      return exitCodeOf(error);
    }
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    if (argv.includes('--json')) {
      io.stdout.write(`${JSON.stringify(errorJson(new AppError('USAGE', error.message.replace(/^error: /, ''))))}\n`);
    }
    return 2;
  }
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

function setOutput(program: Command, io: Io, argv: readonly string[]): void {
  const flag = !argv.includes('--no-color');
  const hasColor = {
    out: wantsColor(flag, io.stdout.isTTY === true, io.environment),
    error: wantsColor(flag, io.stderr.isTTY === true, io.environment),
  };
  const style = styleFor(hasColor.error);
  const apply = (command: Command): void => {
    command
      .exitOverride()
      .showHelpAfterError(`See: ${pathOf(command)} --help`)
      .configureOutput({
        writeOut: (text) => io.stdout.write(text),
        writeErr: (text) => io.stderr.write(text),
        getOutHasColors: () => hasColor.out,
        getErrHasColors: () => hasColor.error,
        outputError: (text, write) => {
          if (!argv.includes('--json')) write(text.replace(/^error:/, style.bad('error:')));
        },
      });
    command.configureHelp({
      ...command.configureHelp(),
      styleTitle: (text) => styleFor(true).strong(text),
      styleCommandText: (text) => styleFor(true).name(text),
      styleSubcommandTerm: (text) => styleFor(true).name(text),
      styleOptionTerm: (text) => styleFor(true).name(text),
    });
    for (const child of command.commands) apply(child);
  };
  apply(program);
}
