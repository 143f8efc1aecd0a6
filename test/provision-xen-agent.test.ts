import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { exec } from '../src/util/exec.ts';

/** The Xen agent with a store that writes down what it is told, a network whose address changes, and time that passes at once. */

const agent = join(import.meta.dirname, '../templates/provision/files/xen-agent');
let folder = '';

async function program(name: string, body: string): Promise<void> {
  await writeFile(join(folder, 'bin', name), `#!/bin/sh\nset -eu\ncd '${folder}'\n${body}\n`, { mode: 0o755 });
}

/** Runs the agent until its `rounds`-th sleep; resolves with all that it told the store, one call a line. */
async function runAgent(rounds: number, domids: string[], addresses: string[]): Promise<string[]> {
  await program('xenstore-write', 'echo "write $*" >> calls');
  await program('xenstore-rm', 'echo "rm $*" >> calls');
  await program('xenstore-read', `set -- ${domids.join(' ')}; shift $(cat round); echo "$1"`);
  await program('date', 'echo 1750000000');
  await program('uname', 'echo 6.1.0-test');
  await program('ip', `case $(cat round) in ${addresses.map((lines, round) => `${round}) printf '${lines}' ;;`).join(' ')} esac`);
  await program('sleep', `echo "sleep $1" >> calls; n=$(($(cat round) + 1)); echo $n > round; [ $n -lt ${rounds} ]`);
  await writeFile(join(folder, 'round'), '0');
  await exec([agent], {
    env: {
      PATH: `${join(folder, 'bin')}:/usr/bin:/bin`,
      XEN_AGENT_NET: join(folder, 'net'),
      XEN_AGENT_RELEASE: join(folder, 'os-release'),
    },
    okExitCodes: [1],
  });
  return (await readFile(join(folder, 'calls'), 'utf8')).trim().split('\n');
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gabarit-xen-agent-'));
  await mkdir(join(folder, 'bin'));
  // The guest's name of the card says nothing about the host's number of it.
  await mkdir(join(folder, 'net/enX0/device'), { recursive: true });
  await writeFile(join(folder, 'net/enX0/device/nodename'), 'device/vif/3\n');
  await mkdir(join(folder, 'net/lo'), { recursive: true });
  await writeFile(join(folder, 'os-release'), 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n');
});
afterEach(() => rm(folder, { recursive: true }));

const v4 = '2: enX0    inet 192.0.2.7/24 brd 192.0.2.255 scope global enX0\\n';
const v6 = '2: enX0    inet6 2001:db8::7/64 scope global\\n';

test('tells the system and the addresses, data/updated last', async () => {
  const [facts = '', memory = '', pause] = await runAgent(1, ['5'], [v4 + v6]);
  for (const fact of [
    'data/os_name Debian GNU/Linux 12 (bookworm)',
    'data/os_distro debian',
    'data/os_majorver 12',
    'data/os_minorver 0',
    'data/os_uname 6.1.0-test',
    'attr/PVAddons/MajorVersion 1',
    'attr/PVAddons/Installed 1',
    'attr/eth3/ip 192.0.2.7',
    'attr/vif/3/ipv4/0 192.0.2.7',
    'attr/vif/3/ipv6/0 2001:db8::7',
  ]) {
    expect(facts).toContain(` ${fact} `);
  }
  expect(facts).toMatch(/ data\/updated 1750000000$/);
  expect(memory).toMatch(/^write data\/meminfo_total \d+ data\/meminfo_free \d+$/);
  expect(pause).toBe('sleep 30');
});

test('asks again soon while there is no address, and says nothing twice', async () => {
  const calls = await runAgent(3, ['5', '5', '5'], ['', v4, v4]);
  expect(calls.filter((call) => call.startsWith('sleep'))).toEqual(['sleep 3', 'sleep 30', 'sleep 30']);
  expect(calls.filter((call) => call.includes('data/updated')).length).toBe(2);
});

test('takes back an address that is gone', async () => {
  const calls = await runAgent(2, ['5', '5'], [v4 + v6, v4]);
  expect(calls.filter((call) => call.startsWith('rm'))).toEqual(['rm attr/vif/3/ipv6/0']);
});

test('tells everything again to a new host', async () => {
  const calls = await runAgent(2, ['5', '9'], [v4, v4]);
  expect(calls.filter((call) => call.includes('data/updated')).length).toBe(2);
});
