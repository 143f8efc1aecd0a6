import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../util/errors.ts';
import { exec, killGroup, start } from '../util/exec.ts';

/*
 * The system's ssh, not a library: what logs in here is what people will log in with, it needs no dependency, and one master
 * connection carries all commands (a new one costs an emulated machine seconds of key exchange and a user session).
 */

export interface SshAddress {
  host: string;
  port: number;
  user: string;
  /** The private key, an absolute path. */
  identity: string;
  /** Where the server's keys are remembered: they must stay the same from one connection to the next. */
  knownHosts: string;
}

export interface SshRunOptions {
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Goes to the command's standard input. */
  input?: string | Uint8Array;
  /** Takes each line as it comes. */
  onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
}

export interface SshConnection {
  /** Runs a shell command; its exit code is part of the answer. @throws AppError TIMEOUT, or COMMAND_FAILED when the connection is lost */
  run(command: string, options?: SshRunOptions): Promise<{ stdout: string; stderr: string; exitCode: number }>;
  close(): Promise<void>;
}

const connectionLost = 255;
const everyOther = Array.from({ length: connectionLost }, (_, code) => code);

/** `word` as one word of a POSIX shell. */
export function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Options that keep the user's own configuration, agent and keys out of it. */
export function sshOptions(address: { port: number; knownHosts: string }, extra: Record<string, string> = {}): string[] {
  const options = {
    StrictHostKeyChecking: 'accept-new',
    UserKnownHostsFile: address.knownHosts,
    GlobalKnownHostsFile: '/dev/null',
    IdentityAgent: 'none',
    IdentitiesOnly: 'yes',
    ConnectTimeout: '30',
    LogLevel: 'ERROR',
    ...extra,
  };
  return [
    '-F',
    '/dev/null',
    '-p',
    String(address.port),
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
  ];
}

/** Makes an Ed25519 key pair without a passphrase at `path` and `path.pub`; returns the public line. */
export async function makeSshKey(path: string, comment: string): Promise<string> {
  await exec(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', path], { what: 'Making an SSH key' });
  return (await readFile(`${path}.pub`, 'utf8')).trim();
}

/**
 * Logs in once and keeps the connection. `folder` gets its socket, by a path relative to it: sockets have short names.
 * @throws AppError COMMAND_FAILED with what ssh said; CANCELLED
 */
export async function openSsh(address: SshAddress, folder: string, signal?: AbortSignal): Promise<SshConnection> {
  const socket = `ssh-${address.port}`;
  const to = `${address.user}@${address.host}`;
  await rm(join(folder, socket), { force: true });
  const options = sshOptions(address, {
    BatchMode: 'yes',
    IdentityFile: address.identity,
    ServerAliveInterval: '15',
    ServerAliveCountMax: '8',
  });
  const master = start(['setpriv', '--pdeathsig', 'KILL', 'ssh', ...options, '-N', '-M', '-S', socket, to], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  let ended = false;
  master.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000);
  });
  master.once('error', (error) => {
    said += error.message;
    ended = true;
  });
  master.once('close', () => {
    ended = true;
  });
  const isOver = (): boolean => ended || signal?.aborted === true;
  while (!isOver() && !existsSync(join(folder, socket))) await sleep(100);
  if (isOver()) {
    await killGroup(master);
    if (signal?.aborted) throw new AppError('CANCELLED', `Cancelled: logging in to ${to}`);
    throw new AppError('COMMAND_FAILED', `ssh ${to} failed: ${said.trim().split('\n').at(-1) ?? ''}`);
  }

  return {
    run: async (command, { timeoutMs = 120_000, signal: abort, ...more } = {}) => {
      const result = await exec(['ssh', '-F', '/dev/null', '-S', socket, '-o', 'BatchMode=yes', '-T', to, '--', command], {
        cwd: folder,
        timeoutMs,
        signal: abort,
        ...more,
        okExitCodes: [...everyOther, connectionLost],
        what: `ssh ${to}: ${command.slice(0, 60)}`,
      });
      if (
        result.exitCode === connectionLost &&
        (ended || /mux_client|Connection.*(closed|reset)|control socket/i.test(result.stderr))
      ) {
        throw new AppError('COMMAND_FAILED', `The SSH connection to ${to} was lost: ${result.stderr.trim() || said.trim()}`);
      }
      return result;
    },
    close: () => killGroup(master),
  };
}
