import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, errnoOf, type ErrorCode } from './errors.ts';
import { holdsSecret, redact, safeLength } from './redact.ts';

/** The Debian package that brings a tool, for the error that says it is missing. */
export const toolPackages: Record<string, string> = {
  'apt-get': 'apt',
  chroot: 'coreutils',
  'dpkg-deb': 'dpkg',
  gpgv: 'gpgv',
  newuidmap: 'uidmap',
  packer: 'packer',
  'qemu-img': 'qemu-utils',
  'qemu-system-x86_64': 'qemu-system-x86',
  rpm: 'rpm',
  ssh: 'openssh-client',
  'ssh-keygen': 'openssh-client',
  tar: 'tar',
  unshare: 'util-linux',
  xorriso: 'xorriso',
};

export interface ExecOptions {
  cwd?: string;
  /** Added to the small allow-listed environment; nothing else of ours reaches the child. */
  env?: Record<string, string>;
  /** Sent to standard input, which is then closed. Secrets go this way, never by argv. */
  input?: string | Uint8Array;
  signal?: AbortSignal | undefined;
  timeoutMs?: number;
  /** How long a command that is cancelled or out of time may take to clean up before it is killed; 5 s by default. */
  killDelayMs?: number;
  /** Whatever the command leaves behind in its process group is ended with it. */
  endsGroup?: boolean;
  /** Whatever it leaves behind goes on, perhaps with our pipes in its hands: the command's own end is the end. */
  leavesOthers?: boolean;
  /** Exit codes that are not a failure; 0 by default. */
  okExitCodes?: readonly number[];
  /** Called for every full line of standard output and standard error as it comes. */
  onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /** `collect` (default) keeps standard output for the result; `lines` only hands it to `onLine`. */
  stdout?: 'collect' | 'lines';
  /** The code of the error thrown on failure. */
  errorCode?: ErrorCode;
  /** Words for the error: what was being done. */
  what?: string;
}

export interface ExecResult {
  stdout: string;
  stderr: string;
  exitCode: number;
  durationMs: number;
}

/** In which what a command said last is read, when others keep its pipes open. */
const lastWordsMs = 500;
const keptLines = 30;
const killDelayMs = 5000;
const stragglerDelayMs = 500;
/** Cannot be reached by a person's command line, and keeps a runaway child from filling our memory. */
const maxCollectedLength = 256 * 1024 * 1024;

function childEnvironment(extra: Record<string, string>): Record<string, string> {
  const env: Record<string, string> = { LC_ALL: 'C.UTF-8', PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
  for (const name of ['HOME', 'TMPDIR', 'http_proxy', 'https_proxy', 'no_proxy']) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return { ...env, ...extra };
}

/** Ends a process group politely, then by force; resolves when the leader and all others are gone. */
export async function killGroup(child: ChildProcess, delayMs = killDelayMs): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  let deadline = performance.now() + delayMs;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  // Those whom it started may stay longer. Not for long: on some hosts nobody collects the dead, who then seem to stay for ever.
  void gone.then(() => (deadline = Math.min(deadline, performance.now() + stragglerDelayMs)));
  let left = signalGroup(child.pid, 'SIGTERM');
  while (left && performance.now() < deadline) {
    await sleep(10);
    left = signalGroup(child.pid, 0);
  }
  if (left) signalGroup(child.pid, 'SIGKILL');
  await gone;
}

/** Returns false when there is nobody left in the group. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
    throw error;
  }
}

export interface SpawnOptions {
  cwd?: string;
  env?: Record<string, string>;
  /** How standard input, output and error (and further descriptors) are connected; pipes by default. */
  stdio?: ('pipe' | 'ignore' | number)[];
}

/** Starts a long-lived process as the leader of its own group. The caller must `scope.defer(() => killGroup(child))`. */
export function start(argv: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const [command, ...args] = argv;
  if (command === undefined) throw new TypeError('argv is empty');
  // Everybody on this machine can read the arguments of a process.
  const shown = argv.findIndex(holdsSecret);
  if (shown !== -1)
    throw new TypeError(`argument ${shown} of ${redact(command)} holds a secret, which goes by a file or standard input`);
  return spawn(command, args, {
    cwd: options.cwd,
    env: childEnvironment(options.env ?? {}),
    stdio: options.stdio ?? ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
}

function startFailure(command: string, cwd: string | undefined, cause: Error): Error {
  if (errnoOf(cause) !== 'ENOENT') return cause;
  // The system says the same of a folder that is not there.
  if (cwd !== undefined && !existsSync(cwd))
    return new Error(`${command} cannot run in ${cwd}: there is no such folder`, { cause });
  const name = command.split('/').at(-1) ?? command;
  const pkg = toolPackages[name];
  return new AppError('TOOL_MISSING', `${name} is not installed`, {
    cause,
    hint: pkg ? `Install it: apt-get install ${pkg}` : 'Run "gabarit doctor" to see what is missing.',
  });
}

function splitLines(stream: Readable, onLine: (line: string) => void, onText: (text: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    onText(chunk);
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
    if (rest.length > 1 << 20) {
      // A line that does not end is passed on in pieces, none of which ends within a secret.
      const length = safeLength(rest);
      onLine(rest.slice(0, length));
      rest = rest.slice(length);
    }
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}

/**
 * Runs a command to its end: no shell, its own process group, a small environment.
 * @throws AppError TOOL_MISSING, CANCELLED, TIMEOUT, or `errorCode` (COMMAND_FAILED) with the last lines that it printed.
 */
export async function exec(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  options.signal?.throwIfAborted();
  const command = argv[0] ?? '';
  const started = performance.now();
  const child = start(argv, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  const tail: string[] = [];
  const said = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    const source = child[stream];
    if (source === null) continue;
    const onLine = (line: string): void => {
      tail.push(line);
      if (tail.length > keptLines) tail.shift();
      options.onLine?.(line, stream);
    };
    const onText = (text: string): void => {
      const wanted = stream === 'stderr' || options.stdout !== 'lines';
      if (wanted && said[stream].length + text.length <= maxCollectedLength) said[stream] += text;
    };
    splitLines(source, onLine, onText);
  }

  let stopped: 'cancelled' | 'timeout' | undefined;
  let killing: Promise<void> | undefined;
  const stop = (why: 'cancelled' | 'timeout'): void => {
    stopped ??= why;
    killing ??= killGroup(child, options.killDelayMs);
  };
  const onAbort = (): void => stop('cancelled');
  options.signal?.addEventListener('abort', onAbort, { once: true });
  const timer = options.timeoutMs === undefined ? undefined : setTimeout(() => stop('timeout'), options.timeoutMs);
  try {
    const closed = new Promise<number>((resolve, reject) => {
      child.once('error', (error) => reject(startFailure(command, options.cwd, error)));
      child.once('exit', () => {
        // They hold our pipes, which would keep us waiting.
        if (options.endsGroup && child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
        // What the command said last is still in them.
        if (options.leavesOthers)
          setTimeout(() => {
            child.stdout?.destroy();
            child.stderr?.destroy();
          }, lastWordsMs);
      });
      child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
    });
    if (child.stdin && options.input !== undefined) {
      // A child that does not read its input closes the pipe; its exit code tells the story.
      child.stdin.on('error', () => undefined);
      child.stdin.end(options.input);
    }
    const exitCode = await closed;
    await killing;
    const durationMs = performance.now() - started;
    const label = options.what ?? argv.slice(0, 3).join(' ');
    if (stopped === 'cancelled') throw new AppError('CANCELLED', `Cancelled: ${label}`);
    if (stopped === 'timeout') {
      throw new AppError('TIMEOUT', `${label} did not finish within ${(options.timeoutMs ?? 0) / 1000} s`, {
        details: { lastLines: tail },
      });
    }
    if (!(options.okExitCodes ?? [0]).includes(exitCode)) {
      const code = tail.some((line) => line.includes('No space left on device'))
        ? 'DISK_FULL'
        : (options.errorCode ?? 'COMMAND_FAILED');
      throw new AppError(code, `${label} failed (exit code ${exitCode})${tail.length > 0 ? `: ${tail.at(-1)}` : ''}`, {
        details: { argv, exitCode, lastLines: tail },
        ...(code === 'DISK_FULL' ? { hint: 'Free some space, or point GABARIT_CACHE to a larger disk.' } : {}),
      });
    }
    return { ...said, exitCode, durationMs };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  }
}
