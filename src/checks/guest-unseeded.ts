import type { Finding, UnseededCheck } from '../model/check.ts';

/** Without any data it still comes up: a login prompt on the console, host keys of its own, and nobody gets in. */
export const guestUnseeded: UnseededCheck = {
  id: 'guest-unseeded',
  title: 'Comes up without a seed, and lets nobody in',
  on: 'unseeded',
  async run(guest) {
    const findings: Finding[] = [];
    if (!/login: *$/m.test(guest.serialLog()))
      findings.push({ status: 'fail', message: 'there is no login prompt on the serial console' });
    if ((await guest.hostKeys()).length === 0) findings.push({ status: 'fail', message: 'the SSH server has no host keys' });
    const user = guest.plan.template.users.default ?? guest.plan.template.distro;
    for (const name of ['root', user]) {
      const methods = await guest.loginMethods(name);
      if (methods.join() !== 'publickey')
        findings.push({ status: 'fail', message: `sshd offers ${name}: ${methods.join(', ') || 'a login without anything'}` });
      if (await guest.acceptsPassword(name, name))
        findings.push({ status: 'fail', message: `${name} got in with the password "${name}"` });
    }
    return findings;
  },
};
