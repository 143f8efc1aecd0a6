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
  await mkdir(dirname(path), { recursive: true }).catch((error: Error) => {
    throw notLockable(path, error.message);
  });
  const mode = options.shared ? '--shared' : '--exclusive';
  let lock = await attempt(path, [mode, '--nonblock'], options.signal);
  if (lock === undefined && !options.tryOnly) {
    options.onWait?.();
    lock = await attempt(path, [mode], options.signal);
  }
  return lock;
}

/** What flock says when somebody else has the lock. */
const taken = 75;

async function attempt(path: string, flags: string[], signal: AbortSignal | undefined): Promise<HeldLock | undefined> {
  signal?.throwIfAborted();
  const child = start(
    ['flock', '--conflict-exit-code', String(taken), ...flags, path, 'sh', '-c', 'echo locked; exec cat >/dev/null'],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  );
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  child.stdin?.on('error', () => undefined); // It may be gone before it is told to go.
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const onAbort = (): void => void killGroup(child);
  signal?.addEventListener('abort', onAbort, { once: true });
  const exitCode = await new Promise<number | null | 'locked'>((resolve, reject) => {
    child.once('error', reject);
    child.stdout?.once('data', () => resolve('locked'));
    void closed.then(resolve);
  });
  signal?.removeEventListener('abort', onAbort);
  if (signal?.aborted) {
    await killGroup(child);
    throw new AppError('CANCELLED', `Cancelled while waiting for ${path}`);
  }
  if (exitCode === taken) return undefined;
  if (exitCode !== 'locked') throw notLockable(path, complaint.trim());
  const release = async (): Promise<void> => {
    child.stdin?.end();
    await closed;
  };
  return { release, [Symbol.asyncDispose]: release };
}

function notLockable(path: string, reason: string): AppError {
  if (/ENOSPC|No space left on device/.test(reason)) {
    return new AppError('DISK_FULL', `No space left on the disk: ${path} cannot be made`, {
      hint: 'Free some space (gabarit cache prune), or point GABARIT_CACHE to a larger disk.',
    });
  }
  return new AppError('HOST_NOT_READY', `${path} cannot be locked: ${reason}`, {
    hint: 'Make its folder writable for this user, or choose others by GABARIT_CACHE and GABARIT_OUT.',
  });
}
