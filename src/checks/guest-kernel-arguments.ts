import type { GuestCheck } from '../model/check.ts';
import { platforms } from '../model/platform.ts';

/** The consoles of the template's platforms and its own kernel arguments have reached the kernel. */
export const guestKernelArguments: GuestCheck = {
  id: 'guest-kernel-arguments',
  title: 'The kernel has got its arguments',
  on: 'guest',
  async run(guest) {
    const { stdout } = await guest.run('cat /proc/cmdline');
    const given = new Set(stdout.trim().split(/\s+/));
    const { template } = guest.plan;
    const consoles = template.platforms.flatMap((id) => platforms[id].consoles).map((name) => `console=${name}`);
    return [...new Set([...consoles, ...template.kernelArguments])]
      .filter((argument) => !given.has(argument))
      .map((argument) => ({
        status: 'fail',
        message: `"${argument}" is missing on the kernel's command line: ${stdout.trim()}`,
      }));
  },
};
