import { describe, expect, test } from 'vitest';
import type { Guest } from '../../src/model/check.ts';
import { needs } from '../tools.ts';
import { machineBench, machineTools, minutes, startOne } from './machine-bench.ts';

/**
 * A booted machine looks after itself as one that the distribution's installer made: packages were not unpacked by dpkg, and dpkg
 * and apt must not notice. Needs the network: the machine fetches from the mirrors that its own sources name.
 */
describe.skipIf(needs(...machineTools))('a booted machine', () => {
  const bench = machineBench();

  async function run(guest: Guest, command: string): Promise<string> {
    const { stdout, stderr, exitCode } = await guest.run(`export DEBIAN_FRONTEND=noninteractive; ${command}`);
    expect(exitCode, `${command}\n${stdout.slice(-2000)}\n${stderr.slice(-2000)}`).toBe(0);
    return stdout;
  }

  test('upgrades, installs and removes packages, gets a new kernel and initramfs, and starts again', {
    timeout: 40 * minutes,
  }, async () => {
    const machine = await startOne(bench, bench.image, 'bios', true);
    const guest = await machine.login();
    await run(guest, 'apt-get -q update');
    await run(guest, 'apt-get -q check');
    await run(guest, 'apt-get -q -y dist-upgrade');
    await run(guest, 'apt-get -q -y install hello && hello');
    await run(guest, 'apt-get -q -y purge hello');
    const kernel = (await run(guest, "dpkg-query -W -f '${Package}\\n' 'linux-image-[0-9]*'")).trim();
    const initramfs = `stat --format=%Y /boot/initrd.img-$(uname -r)`;
    const before = await run(guest, initramfs);
    await run(guest, `apt-get -q -y --reinstall install ${kernel} libc6 systemd`);
    expect(Number(await run(guest, initramfs))).toBeGreaterThan(Number(before));
    expect(await run(guest, 'apt-get -q -s autoremove')).toContain('0 to remove');
    expect(await run(guest, 'dpkg --audit')).toBe('');
    await guest.reboot();
    expect((await run(guest, 'systemctl is-system-running --wait')).trim()).toBe('running');
    await machine.stop();
  });
});
