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
  const argv = shell && item.kind === 'script' ? [shell, '-x', script] : shell ? [shell, script] : [script];
  const prompt = shell === 'bash' ? '+gabarit:$LINENO: ' : '+gabarit:: ';
  let line = 0;
  let command = '';
  const said: string[] = [];
  try {
    await runInside(
      tree,
      [...(item.network ? [] : ['unshare', '--net']), ...argv],
      { ...environment, PS4: prompt },
      {
        errorCode: 'SCRIPT_FAILED',
        what: item.name,
        onLine: (output, stream) => {
          const traced = stream === 'stderr' ? trace.exec(output) : null;
          if (traced) {
            line = Number(traced[1]);
            command = traced[2] ?? '';
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

/** The line that a traced command stands on: the one that shares the most words with it, or 0 when two are equally near. */
function lineOf(text: string, command: string): number {
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
