import { basename, join } from 'node:path';
import type { StepContext } from '../../model/step.ts';
import { AppError } from '../../util/errors.ts';
import { exec } from '../../util/exec.ts';
import { causeOf } from './causes.ts';
import { parsePackerLine, spokenLines } from './machine-readable.ts';
import { packerSilence } from './packer-version.ts';

export interface PackerRun {
  command: string;
  /** The folder of the template. */
  folder: string;
  /** Shared by all builds: Packer's locks of ports lie there. */
  cacheDir: string;
  /** Values of variables; of none of the secret ones. */
  variables: Record<string, string | number>;
  /** What the whole run may take. */
  timeoutMs: number;
  /** Leave the machine running when it fails. */
  keep: boolean;
}

export interface PackerRan {
  /** Wall seconds until SSH answered, and of the provisioning. */
  timings: Record<string, number>;
}

/** The port on 127.0.0.1 that leads to the machine, as far as a run said it. */
const portLine = /Found port for communicator \(.*\): (\d+)/;

/**
 * Runs Packer on a folder. What it says becomes events: the start of the machine and the provisioning are steps of the build.
 * @throws AppError with the code and the hint of the cause, and the last words; CANCELLED, TIMEOUT
 */
export async function runPacker(run: PackerRun, ctx: Pick<StepContext, 'signal' | 'emit'>): Promise<PackerRan> {
  const words: string[] = [];
  const failures: string[] = [];
  const phases = phaseEvents(ctx);
  let script = '';
  let port = '';
  const onLine = (line: string, stream: 'stdout' | 'stderr'): void => {
    const parsed = stream === 'stdout' ? parsePackerLine(line) : undefined;
    const isError = parsed?.type === 'error' || parsed?.data[0] === 'error';
    for (const spoken of parsed ? spokenLines(parsed) : [line]) {
      words.push(spoken);
      if (words.length > 200) words.shift();
      if (isError) failures.push(spoken);
      ctx.emit({ type: 'log', level: isError ? 'error' : 'info', message: spoken, source: 'packer' });
      port = portLine.exec(spoken)?.[1] ?? port;
      const started = /^Provisioning with shell script: (\S+)/.exec(spoken)?.[1];
      if (started !== undefined) script = basename(started);
      phases.hear(spoken, started === undefined ? undefined : basename(started));
    }
  };
  // It is told to clean up when we end in any way; it then removes what it has made.
  const argv = ['setpriv', '--pdeathsig', 'TERM', run.command, 'build', '-machine-readable', '-color=false'];
  argv.push(
    `-on-error=${run.keep ? 'abort' : 'cleanup'}`,
    ...Object.entries(run.variables).flatMap(([key, value]) => ['-var', `${key}=${value}`]),
  );
  try {
    await exec([...argv, '.'], {
      cwd: run.folder,
      env: { ...packerSilence, PACKER_CACHE_DIR: join(run.cacheDir, 'packer'), ...temporaryFolder(run.folder) },
      // A plugin may wait for SSH long after Packer was killed.
      endsGroup: !run.keep,
      // QEMU holds what it inherited from Packer.
      leavesOthers: run.keep,
      signal: ctx.signal,
      timeoutMs: run.timeoutMs,
      // It stops the machine and removes its files.
      killDelayMs: 30_000,
      stdout: 'lines',
      onLine,
      what: 'Packer',
      errorCode: 'BUILD_FAILED',
    });
  } catch (error) {
    const failure = error instanceof AppError && error.code === 'BUILD_FAILED' ? failureOf(failures, words, script, port) : error;
    phases.fail(failure instanceof Error ? failure.message : String(failure));
    throw failure;
  }
  return { timings: phases.finish() };
}

/** What Packer leaves when it is killed lies in the run's own folder, which is swept; where sockets may have so long a name. */
function temporaryFolder(folder: string): Record<string, string> {
  return folder.length <= 80 ? { TMPDIR: folder } : {};
}

function failureOf(failures: string[], words: string[], script: string, port: string): AppError {
  // The program's own words first: a script may say anything.
  const cause = causeOf(failures) ?? causeOf(words);
  const said = failures.find((line) => !/^(Build '|==> Some builds|Some builds)/.test(line)) ?? words.at(-1) ?? 'it said nothing';
  const details = { lastLines: words.slice(-30), ...(script === '' ? {} : { script }), ...(port === '' ? {} : { port }) };
  if (cause === undefined)
    return new AppError('BUILD_FAILED', `Packer failed: ${said}`, {
      hint: 'See docs/packer-errors.md; -v shows all that Packer says.',
      details,
    });
  const what = cause.code === 'SCRIPT_FAILED' && script !== '' ? `${script}: ` : '';
  return new AppError(cause.code, `${what}${cause.cause} Packer says: ${said}`, {
    hint: cause.todo,
    details: { ...details, cause: cause.id, retry: cause.retry },
  });
}

/** The steps of a run, by what Packer says. */
function phaseEvents({ emit }: Pick<StepContext, 'emit'>): {
  hear: (line: string, script: string | undefined) => void;
  fail: (message: string) => void;
  finish: () => Record<string, number>;
} {
  const timings: Record<string, number> = {};
  let phase: { step: string; started: number } | undefined;
  let scripts = 0;
  const end = (): void => {
    if (phase === undefined) return;
    const durationMs = performance.now() - phase.started;
    timings[`packer: ${phase.step}`] = durationMs / 1000;
    emit({ type: 'step.finished', step: phase.step, durationMs, reused: false });
    phase = undefined;
  };
  const begin = (step: string, title: string): void => {
    end();
    phase = { step, started: performance.now() };
    emit({ type: 'step.started', step, title });
  };
  begin('machine', 'Starting the machine');
  return {
    hear(line, script) {
      if (line.startsWith('Connected to SSH')) begin('provision', 'Provisioning');
      else if (/^(Gracefully halting|Halting the virtual machine|Stopping VM)/.test(line)) begin('stop', 'Stopping the machine');
      else if (script !== undefined)
        emit({
          type: 'step.progress',
          step: 'provision',
          done: scripts++,
          unit: 'items',
          note: script.replace(/^\d+-|\.sh$/g, ''),
        });
    },
    fail(message) {
      if (phase) emit({ type: 'step.failed', step: phase.step, durationMs: performance.now() - phase.started, message });
    },
    finish() {
      end();
      return timings;
    },
  };
}
