import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from './errors.ts';
import { killGroup, start } from './exec.ts';

export interface LockOptions {
  signal?: AbortSignal | undefined;
  /** Called once, when somebody else holds the lock and we begin to wait. */
  onWait?: () => void;
  /** Share the lock with others who share it. */
  shared?: boolean;
  /** Return undefined at once instead of waiting. */
  tryOnly?: boolean;
}

export interface HeldLock extends AsyncDisposable {
  release(): Promise<void>;
}

/**
 * Takes a lock on a file, over all processes of this machine. The kernel's lock is held by a small child that ends
 * when our end of its pipe closes, so that a process that is killed in any way frees its locks.
 */
export async function lockFile(path: string, options: LockOptions = {}): Promise<HeldLock | undefined> {
  await mkdir(dirname(path), { recursive: true });
  const mode = options.shared ? '--shared' : '--exclusive';
  let lock = await attempt(path, [mode, '--nonblock'], options.signal);
  if (lock === undefined && !options.tryOnly) {
    options.onWait?.();
    lock = await attempt(path, [mode], options.signal);
  }
  return lock;
}

async function attempt(path: string, flags: string[], signal: AbortSignal | undefined): Promise<HeldLock | undefined> {
  signal?.throwIfAborted();
  const child = start(['flock', ...flags, path, 'sh', '-c', 'echo locked; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const onAbort = (): void => void killGroup(child);
  signal?.addEventListener('abort', onAbort, { once: true });
  const locked = await new Promise<boolean>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve(false));
    child.stdout?.once('data', () => resolve(true));
  });
  signal?.removeEventListener('abort', onAbort);
  if (signal?.aborted) {
    await killGroup(child);
    throw new AppError('CANCELLED', `Cancelled while waiting for ${path}`);
  }
  if (!locked) return undefined;
  const release = async (): Promise<void> => {
    const closed = child.exitCode === null ? new Promise<void>((resolve) => child.once('close', () => resolve())) : undefined;
    child.stdin?.end();
    await closed;
  };
  return { release, [Symbol.asyncDispose]: release };
}
