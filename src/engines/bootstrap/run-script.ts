import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '../../util/errors.ts';
import type { Emit } from '../../util/events.ts';
import { bashTraceText, ownWorld, type ScriptItem, traceScript } from '../shared/script-trace.ts';
import { insideDir, runInside } from './chroot.ts';

/**
 * Runs a provisioning step or a person's own script inside the image, without network unless it asked for it. Its output goes to
 * the log; when it fails, the error has its name, the line it was at, and the last that it said.
 */
export async function runScript(tree: string, item: ScriptItem, environment: Record<string, string>, emit: Emit): Promise<void> {
  const folder = join(tree, insideDir);
  await mkdir(folder, { recursive: true });
  const text = await readFile(item.source, 'utf8');
  const script = `${insideDir}/${item.name.split('/').at(-1) ?? 'script'}`;
  await writeFile(join(tree, script), text, { mode: 0o755 });
  if (item.network) await lendResolver(tree);
  const bashTrace = `${insideDir}/bash-trace`;
  await writeFile(join(tree, bashTrace), bashTraceText);
  const run = traceScript(item, text, emit);
  try {
    await runInside(
      tree,
      [...ownWorld(item.network), ...run.argv(script)],
      { ...environment, ...run.environment(bashTrace) },
      { errorCode: 'SCRIPT_FAILED', what: item.name, onLine: (line, stream) => run.onLine(line, stream) },
    );
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'SCRIPT_FAILED') throw error;
    throw run.failure(error.details['exitCode']);
  }
}

/** Shows the host's name servers to a script that may use the network. On /run, so that the image stays as it is. */
async function lendResolver(tree: string): Promise<void> {
  const stub = join(tree, 'run/systemd/resolve/stub-resolv.conf');
  await mkdir(dirname(stub), { recursive: true });
  await writeFile(stub, await readFile('/etc/resolv.conf'));
}
