import { randomBytes } from 'node:crypto';
import type { Finding, GuestCheck } from '../model/check.ts';

/** What sshd must say of its own configuration. */
const wanted: Record<string, string[]> = {
  passwordauthentication: ['no'],
  kbdinteractiveauthentication: ['no'],
  permitemptypasswords: ['no'],
  pubkeyauthentication: ['yes'],
  permitrootlogin: ['no'],
};
/** Its name before OpenSSH 8.7. */
const olderNames: Record<string, string> = { kbdinteractiveauthentication: 'challengeresponseauthentication' };

/** Keys let in, passwords never do: by what sshd says, by what it offers, and by trying a password that is right. */
export const guestSshLogins: GuestCheck = {
  id: 'guest-ssh-logins',
  title: 'SSH lets in by key only',
  on: 'guest',
  async run(guest) {
    const { stdout, stderr } = await guest.run('sshd -T || /usr/sbin/sshd -T');
    const says = new Map(stdout.split('\n').map((line) => [line.split(' ')[0] ?? '', line.split(' ').slice(1).join(' ')]));
    if (says.size < 10) return [{ status: 'fail', message: `sshd -T fails: ${stderr.trim()}` }];
    const findings: Finding[] = Object.entries(wanted).flatMap(([name, values]) => {
      const value = says.get(name) ?? says.get(olderNames[name] ?? '') ?? 'unset';
      return values.includes(value) ? [] : [{ status: 'fail', message: `sshd has ${name} ${value}, not ${values.join(' or ')}` }];
    });
    for (const user of [guest.user, 'root']) {
      const methods = await guest.loginMethods(user);
      if (methods.join() !== 'publickey')
        findings.push({ status: 'fail', message: `sshd offers ${user}: ${methods.join(', ') || 'a login without anything'}` });
    }
    // A password that is right, on this throwaway machine only: a wrong one would be refused in any case.
    const password = randomBytes(12).toString('hex');
    const set = await guest.run(`echo '${guest.user}:${password}' | chpasswd`);
    if (set.exitCode !== 0)
      return [...findings, { status: 'fail', message: `a password cannot be set for the trial: ${set.stderr.trim()}` }];
    if (await guest.acceptsPassword(guest.user, password))
      findings.push({ status: 'fail', message: `${guest.user} got in with a password` });
    await guest.run(`usermod --lock ${guest.user}`);
    return findings;
  },
};
