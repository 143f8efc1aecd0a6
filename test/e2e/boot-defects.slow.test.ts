import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Verdict } from '../../src/model/check.ts';
import type { Firmware } from '../../src/model/machine.ts';
import { exec } from '../../src/util/exec.ts';
import { needs } from '../tools.ts';
import { type Defects, readFromImage, withDefects } from './built-image.ts';
import { boot, causeOf, checks, machineBench, machineTools, minutes } from './machine-bench.ts';

/** The whole verification of a real image, and images with defects: every check must find its own. Emulated, each boot takes minutes. */

/** `check (machine): message` of all failures. */
function faults(verdicts: Verdict[]): string[] {
  return verdicts
    .filter(({ status }) => status === 'fail')
    .map(({ check, subject, message }) => `${check} (${subject}): ${message}`);
}

/** Messages of a check's failures, over all machines. */
function failuresOf(verdicts: Verdict[], check: string): string {
  return verdicts
    .filter((verdict) => verdict.check === check && verdict.status === 'fail')
    .map(({ message }) => message)
    .join('\n');
}

describe.skipIf(needs(...machineTools))('boot', () => {
  const bench = machineBench();
  const bootWith = async (defects: Defects): Promise<Verdict[]> =>
    (await boot(bench, await withDefects(bench.image, bench.folder, defects))).verdicts;

  test('the whole verification passes', { timeout: 30 * minutes }, async () => {
    const { verdicts, machines } = await boot(bench, bench.image);
    expect(faults(verdicts)).toEqual([]);
    expect(machines.map(({ name }) => name).toSorted()).toEqual(['clone-a', 'clone-b', 'unseeded']);
    const ran = new Set(verdicts.map(({ check }) => check));
    expect(checks.filter(({ id }) => !ran.has(id))).toEqual([]);
  });

  test('every defect is found by its check, on every machine that has it', { timeout: 40 * minutes }, async () => {
    const unit = (command: string): string => `[Service]\nExecStart=${command}\n[Install]\nWantedBy=multi-user.target\n`;
    const wants = '/etc/systemd/system/multi-user.target.wants';
    const units = { broken: '/bin/false', 'open-port': '/usr/bin/python3 -m http.server 8099', chrony: '/bin/sleep infinity' };
    const key = join(bench.folder, 'host-key');
    await exec(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const [privateKey, publicKey] = await Promise.all(
      [key, `${key}.pub`].map(async (path) => (await exec(['cat', path])).stdout),
    );
    const verdicts = await bootWith({
      files: {
        ...Object.fromEntries(
          Object.entries(units).map(([name, command]) => [`/etc/systemd/system/${name}.service`, unit(command)]),
        ),
        '/etc/nsswitch.conf': 'passwd: files\ngroup: files\nshadow: files\nhosts: files\n',
        '/etc/ssh/sshd_config.d/00-defect.conf': 'PasswordAuthentication yes\n',
        '/etc/machine-id': 'b08dfa6083e7567a1921a715000001fb\n',
        '/etc/ssh/ssh_host_ed25519_key': privateKey,
        '/etc/ssh/ssh_host_ed25519_key.pub': publicKey,
        '/etc/cloud/cloud.cfg.d/99-defect.cfg':
          'ssh_deletekeys: false\ngrowpart: {mode: "off"}\nruncmd: [[sh, -c, "echo changed > /etc/next-name; false"]]\n',
        '/etc/systemd/system/rename.service': unit(
          "/bin/sh -c '[ ! -e /etc/next-name ] || cat /etc/next-name > /proc/sys/kernel/hostname'",
        ),
        '/boot/grub/grub.cfg': (await readFromImage(bench.image, bench.folder, '/boot/grub/grub.cfg')).replaceAll(
          'console=tty0',
          '',
        ),
      },
      links: Object.fromEntries(
        [...Object.keys(units), 'rename'].map((name) => [`${wants}/${name}.service`, `/etc/systemd/system/${name}.service`]),
      ),
      modes: { '/etc/ssh/ssh_host_ed25519_key': '0100600' },
    });
    const wanted: [check: string, words: RegExp][] = [
      ['guest-units', /broken\.service has failed/],
      ['guest-ports', /python3 listens on 8099\/tcp/],
      ['guest-host-name', /no address is found/],
      ['guest-time-sync', /several services set the clock: .*chrony/],
      ['guest-ssh-logins', /passwordauthentication yes[^]*offers \w+: .*password[^]*got in with a password/],
      ['guest-unseeded', /offers root: .*password/],
      ['guest-identity', /machine-id is from[^]*ssh_host_ed25519_key is from/],
      ['clones-differ', /machine-id: both have b08dfa60[^]*SSH host keys: both have ssh-ed25519[^]*DUID\): both have/],
      ['guest-root-grown', /it did not grow/],
      ['guest-kernel-arguments', /"console=tty0" is missing/],
      ['guest-cloud-init', /status is "error"|cloud-init reports/],
      ['guest-second-boot', /host name changed from "clone-a" to "changed"/],
    ];
    const said = faults(verdicts).join('\n');
    expect(
      wanted.filter(([check, words]) => !words.test(failuresOf(verdicts, check))),
      said,
    ).toEqual([]);
    expect(said).not.toMatch(/^(guest-firmware|guest-packages|boot) /m);
  });

  const menu = (replace: (text: string) => string) => async (): Promise<Defects> => ({
    files: { '/boot/grub/grub.cfg': replace(await readFromImage(bench.image, bench.folder, '/boot/grub/grub.cfg')) },
  });
  const absentDisk = '/dev/disk/by-label/absent /srv ext4 x-systemd.device-timeout=5 0 0\n';
  const mounts = async (): Promise<Defects> => ({
    files: { '/etc/fstab': (await readFromImage(bench.image, bench.folder, '/etc/fstab')) + absentDisk },
  });
  const otherRoot = menu((text) => text.replaceAll(/root=UUID=\S+/g, 'root=UUID=00000000-1111-2222-3333-444444444444'));

  test.each<[string, Firmware, () => Promise<Defects>, RegExp]>([
    [
      'the first program ends',
      'bios',
      menu((text) => text.replaceAll(' ro ', ' ro init=/bin/false ')),
      /^kernel panic: Attempted to kill init/,
    ],
    ['the root file system is not there', 'bios', otherRoot, /did not find the root file system UUID=00000000/],
    [
      'the kernel is not there',
      'uefi',
      menu((text) => text.replaceAll('/vmlinuz', '/no-such-kernel')),
      /^GRUB could not start the kernel/,
    ],
    [
      'the boot menu is not there',
      'bios',
      () => Promise.resolve({ files: { '/boot/grub/grub.cfg': undefined } }),
      /^GRUB stopped at its prompt/,
    ],
    ['a file system is not there', 'bios', mounts, /emergency mode/],
  ])('no boot: %s (%s)', { timeout: 15 * minutes }, async (_what, firmware, defects, cause) => {
    expect(await causeOf(bench, await withDefects(bench.image, bench.folder, await defects()), firmware)).toMatch(cause);
  });

  test('no boot: Secure Boot meets a boot loader that nobody signed', { timeout: 10 * minutes }, async () => {
    const planted = await withDefects(bench.image, bench.folder, {});
    const loader = join(bench.folder, 'loader.efi');
    const esp = `${planted.disk}@@${await espOffset(planted.disk)}`;
    await exec(['mcopy', '-o', '-i', esp, '::EFI/BOOT/grubx64.efi', loader]);
    await exec(['mcopy', '-o', '-i', esp, loader, '::EFI/BOOT/BOOTX64.EFI']);
    expect(await causeOf(bench, planted, 'uefi-secure-boot')).toMatch(/^Secure Boot refused the boot loader/);
  });

  test('a boot that fails is a verdict for each machine, and no more', { timeout: 20 * minutes }, async () => {
    const verdicts = await bootWith({ files: { '/boot/grub/grub.cfg': undefined } });
    const machines = ['clone-a', 'clone-b', 'unseeded'];
    expect(verdicts.map(({ check, status }) => `${check} ${status}`)).toEqual(['boot fail', 'boot fail', 'boot fail']);
    expect(new Set(verdicts.map(({ subject }) => subject))).toEqual(new Set(machines));
    for (const { message, subject } of verdicts) {
      expect(message).toContain(join(bench.folder, `failures/serial-${subject}.log`));
      expect(message).toContain(join(bench.folder, `failures/screenshot-${subject}.png`));
    }
  });
});

/** From the partition table: the one whose type is the EFI system partition's. */
async function espOffset(disk: string): Promise<number> {
  const { stdout } = await exec(['sfdisk', '--json', disk]);
  const { partitiontable } = JSON.parse(stdout) as { partitiontable: { partitions: { start: number; type: string }[] } };
  const esp = partitiontable.partitions.find(({ type }) => type === 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B');
  return (esp?.start ?? 0) * 512;
}
