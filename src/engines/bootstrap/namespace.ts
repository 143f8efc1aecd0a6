import { once } from 'node:events';
import { statfs } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { AppError, type ErrorCode, errorTable } from '../../util/errors.ts';
import type { EventBody } from '../../util/events.ts';
import { killGroup, start } from '../../util/exec.ts';
import { nodeFlags } from '../../util/node-flags.ts';
import type { StepContext } from '../../model/step.ts';

/** What the process inside the namespace sends, one JSON object a line. */
export type InsideMessage =
  | { kind: 'event'; event: EventBody }
  | { kind: 'result'; result: unknown }
  | {
      kind: 'error';
      code: ErrorCode;
      message: string;
      hint?: string | undefined;
      faults: AppError['faults'];
      details: Record<string, unknown>;
    };

export interface NamespaceOptions {
  /** Whether the network of the host can be reached. Without it, nothing that a package or script does can depend on it. */
  network: boolean;
}

export interface InsideProcess<R> {
  /** Sends one more JSON object to the process. */
  send(message: unknown): void;
  /** Ends the process and all its children. */
  cancel(): void;
  result: Promise<R>;
}

/**
 * Starts `module` as root of its own world: mount and process namespaces, and (for an ordinary user) a user namespace in which the
 * user's range of subordinate ids stands for all users. When it ends, or we do, its mounts and processes are gone with it.
 */
export function runInNamespace<R>(module: URL, request: unknown, options: NamespaceOptions, ctx: StepContext): InsideProcess<R> {
  ctx.signal.throwIfAborted();
  const argv = [
    'unshare',
    ...(process.getuid?.() === 0 ? [] : ['--user', '--map-auto', '--map-root-user']),
    '--mount',
    '--propagation',
    'private',
  ];
  argv.push('--pid', '--fork', '--kill-child', '--mount-proc', '--ipc', '--uts', ...(options.network ? [] : ['--net']));
  argv.push(process.execPath, ...nodeFlags, module.pathname);
  const child = start(argv, { stdio: ['pipe', 'pipe', 'pipe'] });
  const stop = (): void => void killGroup(child, 1000);
  ctx.signal.addEventListener('abort', stop, { once: true });
  const stderr: string[] = [];
  if (child.stderr) createInterface({ input: child.stderr }).on('line', (line) => stderr.push(line) > 40 && stderr.shift());
  // The process may be gone before it has read everything; its exit tells why.
  child.stdin?.on('error', () => undefined);
  const send = (message: unknown): void => void child.stdin?.write(`${JSON.stringify(message)}\n`);

  const result = (async (): Promise<R> => {
    let outcome: InsideMessage | undefined;
    try {
      const closed = Promise.race([
        once(child, 'close'),
        once(child, 'error').then(([error]: unknown[]) => Promise.reject(error as Error)),
      ]);
      send(request);
      const reading = (async () => {
        if (!child.stdout) return;
        for await (const line of createInterface({ input: child.stdout })) {
          const message = JSON.parse(line) as InsideMessage;
          if (message.kind === 'event') ctx.emit(message.event);
          else outcome = message;
        }
      })();
      await Promise.all([closed, reading]);
    } finally {
      ctx.signal.removeEventListener('abort', stop);
      await killGroup(child, 1000);
    }
    if (ctx.signal.aborted) throw new AppError('CANCELLED', 'Cancelled');
    if (outcome?.kind === 'result') return outcome.result as R;
    // Not every program says why it could not write: a shell's echo knows only of an I/O error.
    if (outcome?.kind === 'error' && outcome.code !== 'DISK_FULL' && (await isFull(ctx.workdir))) {
      const { message, faults, details } = outcome;
      throw new AppError('DISK_FULL', `No space left on the disk: ${message}`, {
        faults,
        details,
        hint: 'Free some space (gabarit cache prune), or point GABARIT_CACHE to a larger disk.',
      });
    }
    if (outcome?.kind === 'error') {
      const { code, message, hint, faults, details } = outcome;
      throw new AppError(code in errorTable ? code : 'BUILD_FAILED', message, {
        faults,
        details,
        ...(hint === undefined ? {} : { hint }),
      });
    }
    throw namespaceFailure(stderr);
  })();
  return { send, cancel: stop, result };
}

/** Whether next to nothing can be written any more where a folder lies. */
async function isFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize < 2 ** 20;
}

function namespaceFailure(stderr: string[]): AppError {
  const text = stderr.join('\n');
  if (/^(unshare|newuidmap|newgidmap): /m.test(text)) {
    return new AppError('HOST_NOT_READY', `This user may not make a namespace: ${stderr.at(-1)}`, {
      hint: 'Run as root, or let this user have user namespaces: install uidmap, give the user a range in /etc/subuid and /etc/subgid, and see "gabarit doctor".',
    });
  }
  return new AppError('BUILD_FAILED', `The build process ended unexpectedly${stderr.length > 0 ? `: ${stderr.at(-1)}` : ''}`, {
    details: { lastLines: stderr },
  });
}
