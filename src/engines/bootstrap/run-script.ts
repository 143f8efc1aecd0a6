import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PlanProvision } from '../../model/plan.ts';
import { AppError } from '../../util/errors.ts';
import type { Emit } from '../../util/events.ts';
import { insideDir, runInside } from './chroot.ts';

const trace = /^\++gabarit:(\d*): (.*)$/;

/**
 * Runs a provisioning step or a person's own script inside the image, without network unless it asked for it. Its output goes to
 * the log; when it fails, the error has its name, the line it was at, and the last that it said.
 */
export async function runScript(
  tree: string,
  item: Extract<PlanProvision, { kind: 'step' | 'script' }>,
  environment: Record<string, string>,
  emit: Emit,
): Promise<void> {
  const folder = join(tree, insideDir);
  await mkdir(folder, { recursive: true });
  const text = await readFile(item.source, 'utf8');
  const script = `${insideDir}/${item.name.split('/').at(-1) ?? 'script'}`;
  await writeFile(join(tree, script), text, { mode: 0o755 });
  if (item.network) await lendResolver(tree);
  const shell = /^#!\s*(?:\/usr\/bin\/env\s+)?(?:\/\S*\/)?(sh|dash|bash)\b/.exec(text)?.[1];
  // A shell can tell each command before it runs it, which is how the failing line is known; Debian's sh does not number its lines.
  // The shipped steps say themselves what failed.
  const traced = shell !== undefined && item.kind === 'script';
  const argv = [...(shell ? [shell] : []), ...(traced && shell !== 'bash' ? ['-x'] : []), script];
  // As root, bash takes no PS4 from its environment.
  const bashTrace = `${insideDir}/bash-trace`;
  await writeFile(join(tree, bashTrace), "unset BASH_ENV\nPS4='+gabarit:$LINENO: '\nset -x\n");
  let line = 0;
  let command = '';
  const said: string[] = [];
  try {
    await runInside(
      tree,
      [...ownWorld(item.network), ...argv],
      { ...environment, ...(traced ? (shell === 'bash' ? { BASH_ENV: bashTrace } : { PS4: '+gabarit:: ' }) : {}) },
      {
        errorCode: 'SCRIPT_FAILED',
        what: item.name,
        onLine: (output, stream) => {
          const step = stream === 'stderr' ? trace.exec(output) : null;
          if (step) {
            line = Number(step[1]);
            command = step[2] ?? '';
            emit({ type: 'log', level: 'debug', message: command, source: item.name });
          } else {
            said.push(output);
            emit({ type: 'log', level: 'info', message: output, source: item.name });
          }
        },
      },
    );
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'SCRIPT_FAILED') throw error;
    const exitCode = error.details['exitCode'];
    if (line === 0) line = lineOf(text, command);
    throw new AppError(
      'SCRIPT_FAILED',
      `${item.kind === 'step' ? 'The step' : 'The script'} ${item.name} failed${line > 0 ? ` at line ${line}: ${command}` : ''} (exit code ${String(exitCode)})`,
      {
        faults: [{ message: said.at(-1) ?? 'It printed nothing.', file: item.source, ...(line > 0 ? { line } : {}) }],
        details: { lastLines: said.slice(-20), exitCode },
        hint: 'Everything before it is kept: correct the script and build again.',
      },
    );
  }
}

/**
 * A script ends with everything that it started, also what it sent to the background; and its signals reach nothing of ours. A shell
 * is the first process there, because the kernel lets no signal harm that one: the script may still end itself by one.
 */
function ownWorld(network: boolean): string[] {
  const unshare = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'unchanged'];
  return [...unshare, ...(network ? [] : ['--net']), 'sh', '-c', '"$@"; exit $?', 'sh'];
}

/** The line that a traced command stands on: the one that shares the most words with it, or 0 when two are equally near. */
function lineOf(text: string, command: string): number {
  if (command === '') return 0;
  const traced = new Set(command.split(/\s+/));
  const scores = text
    .split('\n')
    .map((line) => (/^\s*#/.test(line) ? 0 : new Set(line.split(/[\s"';|&()]+/).filter((word) => traced.has(word))).size));
  const best = Math.max(...scores);
  return best > 0 && scores.indexOf(best) === scores.lastIndexOf(best) ? scores.indexOf(best) + 1 : 0;
}

/** Shows the host's name servers to a script that may use the network. On /run, so that the image stays as it is. */
async function lendResolver(tree: string): Promise<void> {
  const stub = join(tree, 'run/systemd/resolve/stub-resolv.conf');
  await mkdir(dirname(stub), { recursive: true });
  await writeFile(stub, await readFile('/etc/resolv.conf'));
}
