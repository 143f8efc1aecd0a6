import { expect, test } from 'vitest';
import type { Guest, GuestCheck } from '../model/check.ts';
import type { Plan } from '../model/plan.ts';
import { templateSchema } from '../model/template.ts';
import { clonesDiffer } from './clones-differ.ts';
import { guestCloudInit } from './guest-cloud-init.ts';
import { guestFirmware } from './guest-firmware.ts';
import { guestHostName } from './guest-host-name.ts';
import { guestIdentity } from './guest-identity.ts';
import { guestKernelArguments } from './guest-kernel-arguments.ts';
import { guestPackages } from './guest-packages.ts';
import { guestPorts } from './guest-ports.ts';
import { guestRootGrown } from './guest-root-grown.ts';
import { guestTimeSync } from './guest-time-sync.ts';
import { guestUnits } from './guest-units.ts';

/** What checks conclude from what machines have really said. That machines say it is shown in test/e2e/boot.test.ts. */

const template = templateSchema.parse({ name: 'x', distro: 'debian', release: '12', kernelArguments: ['mitigations=auto'] });

function guestThatSays(stdout: string, hostKeys: string[] = ['ssh-ed25519 AAAA'], name = 'clone-a'): Guest {
  return {
    name,
    firmware: 'bios',
    user: 'debian',
    plan: { template } as Plan,
    serialLog: () => '',
    hostKeys: () => Promise.resolve(hostKeys),
    loginMethods: () => Promise.resolve(['publickey']),
    acceptsPassword: () => Promise.resolve(false),
    run: () => Promise.resolve({ stdout, stderr: '', exitCode: 0 }),
    reboot: () => Promise.resolve(),
  };
}

const gib = 2 ** 30;
const cmdline = 'BOOT_IMAGE=/vmlinuz root=UUID=1 ro console=tty0 console=ttyS0,115200n8 mitigations=auto\n';
const sshd = 'tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=525,fd=3))\n';
const result = (errors: string[], datasource = 'DataSourceNoCloud [seed=/dev/vdb]'): string =>
  `${JSON.stringify({ v1: { datasource, errors } }, null, 1)}\n`;
const machineId = '0123456789abcdef0123456789abcdef';

test.each<[GuestCheck, string, string]>([
  [guestCloudInit, `\nstatus: done\n\n${result([])}\n`, 'the seed was used'],
  [guestFirmware, 'bios\n', 'BIOS as asked for'],
  [
    guestIdentity,
    `boot 1000\n1005 /etc/machine-id\n1009 /etc/ssh/ssh_host_ed25519_key\nid ${machineId}\n`,
    'all younger than the boot',
  ],
  [guestKernelArguments, cmdline, 'all there'],
  [guestHostName, 'clone-a\n10.0.2.15       STREAM clone-a\n', 'its name and address'],
  [guestPackages, '', 'nothing said'],
  [
    guestPorts,
    `${sshd}udp UNCONN 0 0 10.0.2.15%ens3:68 0.0.0.0:* users:(("systemd-network",pid=1,fd=1))\nudp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:*\n`,
    'SSH, DHCP and loopback',
  ],
  [guestRootGrown, ` ${4.84 * gib}\n ${5 * gib}\n/dev/vda1\n`, '96.9 %'],
  [guestTimeSync, 'systemd-timesyncd systemd-timesyncd.service active \nchrony chrony.service inactive \n', 'one'],
  [guestTimeSync, 'ntpsec ntpsec.service active \nntp ntpsec.service active \n', 'one, with an alias'],
  [guestUnits, 'running\n', 'running'],
])('$id passes: %3$s', async (check, stdout) => {
  const findings = await check.run(guestThatSays(stdout), { signal: new AbortController().signal });
  expect(findings.filter(({ status }) => status !== 'pass')).toEqual([]);
});

test.each<[GuestCheck, string, string]>([
  [
    guestCloudInit,
    `status: error\n\n${result(["('locale', ProcessExecutionError())"])}\n`,
    "cloud-init reports: ('locale', ProcessExecutionError())",
  ],
  [guestCloudInit, `status: done\n\n${result([], 'DataSourceNone')}\n`, 'took its data from DataSourceNone'],
  [guestCloudInit, `status: done\n\n${result([])}\nwarning: Invalid cloud-config\n`, 'warning: Invalid cloud-config'],
  [guestCloudInit, 'status: disabled\n\n', 'result.json is missing'],
  [guestFirmware, 'uefi\n 1\n', 'started by uefi-secure-boot'],
  [
    guestIdentity,
    `boot 1000\n900 /etc/machine-id\n1009 /etc/ssh/ssh_host_ed25519_key\nid ${machineId}\n`,
    '/etc/machine-id is from 1970',
  ],
  [
    guestIdentity,
    'boot 1000\n1005 /etc/machine-id\n1009 /etc/ssh/ssh_host_rsa_key\nid uninitialized\n',
    '/etc/machine-id holds "uninitialized"',
  ],
  [guestIdentity, `boot 1000\n1005 /etc/machine-id\nid ${machineId}\n`, 'no host keys'],
  [guestKernelArguments, cmdline.replace(' mitigations=auto', ''), '"mitigations=auto" is missing'],
  [guestKernelArguments, cmdline.replace('console=tty0 ', ''), '"console=tty0" is missing'],
  [guestHostName, 'clone-a\n', 'no address is found for the machine\'s own name "clone-a"'],
  [guestPackages, 'The following packages are only half configured\n', 'half configured'],
  [
    guestPorts,
    `${sshd}udp UNCONN 0 0 0.0.0.0:5355 0.0.0.0:* users:(("systemd-resolve",pid=2,fd=1))\n`,
    'systemd-resolve listens on 5355/udp',
  ],
  [guestPorts, 'tcp LISTEN 0 128 127.0.0.1:22 0.0.0.0:*\n', 'nothing listens on 22/tcp'],
  [guestRootGrown, ` ${2.9 * gib}\n ${5 * gib}\n/dev/vda1\n`, 'it did not grow'],
  [guestRootGrown, 'df: error\n', 'cannot be read'],
  [guestRootGrown, ` ${2.9 * gib}\n ${3 * gib}\n/dev/vda1\n`, 'not larger than the image'],
  [
    guestTimeSync,
    'chrony chrony.service active \nsystemd-timesyncd systemd-timesyncd.service active \n',
    'several services set the clock: chrony.service, systemd-timesyncd.service',
  ],
  [guestTimeSync, 'chrony chrony.service inactive \n', 'no service sets the clock'],
  [
    guestUnits,
    'degraded\nfailed: broken.service\n  Main process exited, code=exited, status=1/FAILURE\n',
    'broken.service has failed: Main process exited',
  ],
  [guestUnits, 'maintenance\n', 'state is "maintenance"'],
])('$id finds it: %3$s', async (check, stdout, words) => {
  const findings = await check.run(guestThatSays(stdout), { signal: new AbortController().signal });
  const bad = findings.filter(({ status }) => status !== 'pass');
  expect(bad.map(({ message }) => message).join('\n')).toContain(words);
});

const own = (id: string, host: string, duid: string, seed: string, instance: string): string =>
  [id, host, duid, seed, instance, ''].join('\n');

test('clones: each thing that both have is named, each that one lacks too', async () => {
  const a = guestThatSays(own('aaaa', 'clone-a', '0002aa', '11 -', 'i-a'), ['ssh-ed25519 KEYA', 'ecdsa BOTH']);
  const b = guestThatSays(own('aaaa', 'clone-b', '', '22 -', 'i-b'), ['ssh-ed25519 KEYB', 'ecdsa BOTH'], 'clone-b');
  const c = guestThatSays(own('cccc', 'clone-c', '0002cc', '33 -', 'i-c'), ['ssh-ed25519 KEYC'], 'clone-c');
  const messages = async (x: Guest, y: Guest): Promise<string[]> =>
    (await clonesDiffer.run([x, y], { signal: new AbortController().signal })).map(({ message }) => message);
  expect(await messages(a, c)).toEqual([]);
  expect(await messages(a, b)).toEqual([
    'machine-id: both have aaaa',
    'SSH host keys: both have ecdsa BOTH',
    'DHCP identifier (DUID): clone-b has none',
  ]);
});
