import { connect } from 'node:net';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../util/exec.ts';
import { type SshAddress, sshOptions } from './ssh.ts';

/** What an SSH server shows to those who have no key. */

/** The server's first line (`SSH-2.0-OpenSSH_9.2p1 Debian-2`), or undefined when none comes in time. Never throws: not being there yet is an answer. */
export function sshBanner(host: string, port: number, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (banner?: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(banner);
    };
    const timer = setTimeout(end, timeoutMs);
    socket.on('data', (data) =>
      end(
        data
          .toString('latin1')
          .split('\r\n')[0]
          ?.match(/^SSH-2\.0-.*/)?.[0],
      ),
    );
    socket.on('error', () => end());
    socket.on('close', () => end());
  });
}

const hostKeyAlgorithms = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512'];

/**
 * All host keys, each `type base64`, sorted; empty when the server does not answer. Asks for one type after the other:
 * ssh-keyscan would sit out its whole time limit for each type that the server does not have.
 */
export async function scanHostKeys(host: string, port: number, folder: string): Promise<string[]> {
  const keys: string[] = [];
  for (const algorithm of hostKeyAlgorithms) {
    const knownHosts = join(folder, `scan-${port}-${algorithm}`);
    await rm(knownHosts, { force: true });
    const options = sshOptions(
      { port, knownHosts },
      { HostKeyAlgorithms: algorithm, PreferredAuthentications: 'none', BatchMode: 'yes' },
    );
    await exec(['ssh', ...options, `nobody@${host}`, '--', 'true'], {
      okExitCodes: [0, 255],
      timeoutMs: 120_000,
      what: 'Reading the SSH host keys',
    });
    const lines = existsSync(knownHosts) ? (await readFile(knownHosts, 'utf8')).split('\n') : [];
    keys.push(...lines.filter((line) => line !== '').map((line) => line.split(' ').slice(1).join(' ')));
  }
  return keys.toSorted();
}

/** The methods that the server offers to this user, from its refusal to let in without any. Empty: it let in. */
export async function loginMethods(address: Omit<SshAddress, 'identity'>): Promise<string[]> {
  const options = sshOptions(address, { PreferredAuthentications: 'none', PubkeyAuthentication: 'no', BatchMode: 'yes' });
  const { stderr, exitCode } = await exec(['ssh', ...options, `${address.user}@${address.host}`, '--', 'true'], {
    okExitCodes: [0, 255],
    timeoutMs: 120_000,
    what: 'Asking the SSH server for its login methods',
  });
  if (exitCode === 0) return [];
  const offered = /Permission denied \(([^)]*)\)/.exec(stderr)?.[1];
  return offered === undefined ? [`no answer: ${stderr.trim()}`] : offered.split(',');
}

/** Whether the server lets in with this password. `folder` is for a small file that hands it to ssh. */
export async function acceptsPassword(address: Omit<SshAddress, 'identity'>, password: string, folder: string): Promise<boolean> {
  const askpass = join(folder, `askpass-${address.port}`);
  await writeFile(askpass, '#!/bin/sh\nprintf "%s\\n" "$GABARIT_PASSWORD"\n', { mode: 0o700 });
  const options = sshOptions(address, {
    PreferredAuthentications: 'password,keyboard-interactive',
    PubkeyAuthentication: 'no',
    NumberOfPasswordPrompts: '1',
  });
  const { exitCode } = await exec(['ssh', ...options, `${address.user}@${address.host}`, '--', 'true'], {
    okExitCodes: [0, 255],
    timeoutMs: 120_000,
    env: { SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force', GABARIT_PASSWORD: password },
    what: 'Trying to log in with a password',
  });
  return exitCode === 0;
}
