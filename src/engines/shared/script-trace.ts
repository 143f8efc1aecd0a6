import type { PlanProvision } from '../../model/plan.ts';
import { AppError } from '../../util/errors.ts';
import type { Emit } from '../../util/events.ts';

/** How a provisioning script is run and heard, wherever it runs: its output goes to the log, its failing line into the error. */

export type ScriptItem = Extract<PlanProvision, { kind: 'step' | 'script' }>;

/** What bash runs first when it must tell its commands: as root, it takes no PS4 from its environment. */
export const bashTraceText = "unset BASH_ENV\nPS4='+gabarit:$LINENO: '\nset -x\n";

export interface ScriptRun {
  /** Arguments that run the script at a path, without anything around it. */
  argv(script: string): string[];
  /** Variables for it; `bashTrace` is the path of a file with {@link bashTraceText}. */
  environment(bashTrace: string): Record<string, string>;
  /** Takes each line of its output. */
  onLine(line: string, stream: 'stdout' | 'stderr'): void;
  /** The error for a script that ended like this. */
  failure(exitCode: unknown): AppError;
}

const traced = /^\++gabarit:(\d*): (.*)$/;

export function traceScript(item: ScriptItem, text: string, emit: Emit): ScriptRun {
  const shell = /^#!\s*(?:\/usr\/bin\/env\s+)?(?:\/\S*\/)?(sh|dash|bash)\b/.exec(text)?.[1];
  // A shell can tell each command before it runs it, which is how the failing line is known; Debian's sh does not number its lines.
  // The shipped steps say themselves what failed.
  const isTraced = shell !== undefined && item.kind === 'script';
  let line = 0;
  let command = '';
  const said: string[] = [];
  /** What it said last on its standard error, of the command that runs; the two streams come in no order. */
  let complaint: string | undefined;
  return {
    argv: (script) => [...(shell ? [shell] : []), ...(isTraced && shell !== 'bash' ? ['-x'] : []), script],
    environment(bashTrace) {
      if (!isTraced) return {};
      return shell === 'bash' ? { BASH_ENV: bashTrace } : { PS4: '+gabarit:: ' };
    },
    onLine(output, stream) {
      const step = stream === 'stderr' ? traced.exec(output) : null;
      if (step) {
        line = Number(step[1]);
        command = step[2] ?? '';
        complaint = undefined;
        emit({ type: 'log', level: 'debug', message: command, source: item.name });
      } else {
        said.push(output);
        if (stream === 'stderr') complaint = output;
        emit({ type: 'log', level: 'info', message: output, source: item.name });
      }
    },
    failure(exitCode) {
      const at = line === 0 ? lineOf(text, command) : line;
      return new AppError(
        'SCRIPT_FAILED',
        `${item.kind === 'step' ? 'The step' : 'The script'} ${item.name} failed${at > 0 ? ` at line ${at}: ${command}` : ''} (exit code ${String(exitCode)})`,
        {
          faults: [
            { message: complaint ?? said.at(-1) ?? 'It printed nothing.', file: item.source, ...(at > 0 ? { line: at } : {}) },
          ],
          details: { lastLines: said.slice(-20), exitCode },
          hint: 'Everything before it is kept: correct the script and build again.',
        },
      );
    },
  };
}

/**
 * A script ends with everything that it started, also what it sent to the background; and its signals reach nothing of ours. A shell
 * is the first process there, because the kernel lets no signal harm that one: the script may still end itself by one.
 */
export function ownWorld(network: boolean): string[] {
  const unshare = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'unchanged'];
  return [...unshare, ...(network ? [] : ['--net']), 'sh', '-c', '"$@"; exit $?', 'sh'];
}

/** The line that a traced command stands on: the one that shares the most words with it, or 0 when two are equally near. */
function lineOf(text: string, command: string): number {
  if (command === '') return 0;
  const words = new Set(command.split(/\s+/));
  const scores = text
    .split('\n')
    .map((line) => (/^\s*#/.test(line) ? 0 : new Set(line.split(/[\s"';|&()]+/).filter((word) => words.has(word))).size));
  const best = Math.max(...scores);
  return best > 0 && scores.indexOf(best) === scores.lastIndexOf(best) ? scores.indexOf(best) + 1 : 0;
}
