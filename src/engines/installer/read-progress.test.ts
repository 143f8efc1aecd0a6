import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AnsweredInstaller } from '../shared/answers/answers.ts';
import { progressText } from './phases/phase.ts';
import { readProgress } from './read-progress.ts';

const logs = join(import.meta.dirname, '../../../test/installer-logs');
const real = (name: string): string => readFileSync(join(logs, name), 'utf8');

function text(kind: AnsweredInstaller, console: string, log = ''): string {
  return progressText(readProgress(kind, { console, log, calls: [] }));
}

describe("Debian's installer, from its own log of a run on a mirror that lacks components", () => {
  const log = real('debian-12-mirror-lacks-components.log');
  const console = real('debian-12-mirror-lacks-components.console');
  const until = (mark: string): string => log.slice(0, log.indexOf(mark) + mark.length);

  test.each([
    ['Nov 25 22:20:49 preseed: successfully loaded preseed file', 'reading its answers'],
    ["Menu item 'netcfg' selected", 'configuring the network'],
    ["Menu item 'download-installer' selected", 'loading components'],
    ['DEBUG: retrieving apt-mirror-setup 1:0.182', 'loading components 1: apt-mirror-setup'],
  ])('%s: %s', (mark, phase) => {
    expect(log).toContain(mark);
    expect(text('debian-installer', '', until(mark))).toBe(phase);
  });

  test('the end of it: the mirror lacks installer components, and it asks what to do', () => {
    const progress = readProgress('debian-installer', { console, log, calls: [] });
    expect(progress).toEqual({
      phase: 'components',
      note: 'apt-mirror-setup',
      done: 1,
      failure: {
        cause: 'the mirror lacks installer components: apt-mirror-setup',
        hint: expect.stringContaining('debian-installer section') as string,
      },
      question: 'Download installer components: Downloading a file failed:',
    });
  });

  test('nothing is asked on the way there', () => {
    for (const mark of ['Detecting link on', 'Configuring the network with DHCP', 'Checking the Debian archive mirror']) {
      const so = console.slice(0, console.indexOf(mark) + mark.length);
      expect(so.length).toBeGreaterThan(mark.length);
      expect(readProgress('debian-installer', { console: so, log: '', calls: [] }).question).toBeUndefined();
    }
  });
});

/** Lines of real logs, as they are told in public reports. */
const lines: [AnsweredInstaller, line: string, phase: string][] = [
  ['debian-installer', "main-menu[314]: INFO: Menu item 'partman-base' selected", 'partitioning'],
  ['debian-installer', "main-menu[314]: INFO: Menu item 'bootstrap-base' selected", 'installing the base system'],
  ['debian-installer', "main-menu[314]: INFO: Menu item 'grub-installer' selected", 'installing the boot loader'],
  ['debian-installer', "main-menu[314]: INFO: Menu item 'finish-install' selected", 'finishing'],
  ['anaconda', 'Starting installer, one moment...', 'reading its answers'],
  ['anaconda', 'Creating xfs on /dev/mapper/rhel_dhcp--123-root', 'partitioning'],
  ['anaconda', 'Starting package installation process', 'installing packages'],
  ['anaconda', 'Installing libgcc.x86_64 (212/944)', 'installing packages 212/944: libgcc.x86_64'],
  ['anaconda', 'Installing boot loader', 'installing the boot loader'],
  ['anaconda', 'Performing post-installation setup tasks', 'finishing'],
  [
    'subiquity',
    'subiquity_event.15919[15919]:     subiquity/Install/install/curtin_install/run: executing curtin install partitioning step',
    'partitioning',
  ],
  [
    'subiquity',
    'start: subiquity/Install/install/postinstall/install_ansible: installing ansible',
    'installing packages: installing ansible',
  ],
  ['autoyast', 'Loading Installation System (1/6)', 'loading components 1/6'],
  ['autoyast', '*** Starting YaST ***', 'reading its answers'],
];

test.each(lines)('%s: %s', (kind, line, phase) => {
  expect(kind === 'debian-installer' ? text(kind, '', line) : text(kind, line)).toBe(phase);
});

test('packages are counted where the installer says how many there will be', () => {
  const log = [
    "Apr 16 17:00:00 main-menu[314]: INFO: Menu item 'pkgsel' selected",
    'Apr 16 17:10:01 in-target: 0 upgraded, 380 newly installed, 0 to remove and 0 not upgraded.',
    ...Array.from(
      { length: 212 },
      (_, index) => `Apr 16 17:10:34 in-target: Setting up package${index} (4.8.0-36.36~16.04.1) ...`,
    ),
  ].join('\n');
  expect(text('debian-installer', '', log)).toBe('installing packages 212/380: package211');
});

const failures: [AnsweredInstaller, where: 'console' | 'log', line: string, cause: RegExp][] = [
  [
    'debian-installer',
    'console',
    '[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)',
    /^kernel panic: VFS: Unable/,
  ],
  ['debian-installer', 'log', 'main-menu[314]: (process:2697): udhcpc: no lease, failing', /^no network/],
  [
    'debian-installer',
    'log',
    "choose-mirror[2798]: wget: unable to resolve host address 'mirror.example'",
    /^the mirror cannot be reached: unable to resolve/,
  ],
  [
    'debian-installer',
    'log',
    'May 25 21:00:45 base-installer: error: exiting on error base-installer/kernel/failed-install',
    /^base-installer failed: exiting on error/,
  ],
  [
    'anaconda',
    'console',
    '[   34.520680] anaconda[2628]: Non interactive installation failed: The command exited with the code 1..',
    /^The command exited/,
  ],
  [
    'subiquity',
    'console',
    "finish: subiquity/Install/install/postinstall/install_ansible: FAIL: Command '['/snap/subiquity/3119/usr/bin/python3.8']",
    /install_ansible failed/,
  ],
  ['subiquity', 'console', 'An error occurred. Press enter to start a shell', /^it stopped at an error/],
];

test.each(failures)('%s: in its %s: %s', (kind, where, line, cause) => {
  const progress = readProgress(kind, { console: '', log: '', calls: [], [where]: `before\n${line}\nafter` });
  expect(progress.failure?.cause).toMatch(cause);
  expect(progress.failure?.hint).not.toBe('');
});

test('the first failure is the one that counts', () => {
  const log = 'udhcpc: no lease, failing\nmain-menu[1]: wget: unable to resolve host address x\n';
  expect(readProgress('debian-installer', { console: '', log, calls: [] }).failure?.cause).toMatch(/^no network/);
});

test('Ubuntu asks whether its answers are meant', () => {
  const console =
    "Confirmation is required to continue.\nAdd 'autoinstall' to your kernel command line to avoid this\nContinue with autoinstall? (yes|no)";
  expect(readProgress('subiquity', { console, log: '', calls: [] }).question).toBe('Continue with autoinstall? (yes|no)');
});

test('it is done when it has called', () => {
  expect(readProgress('anaconda', { console: '', log: '', calls: ['answers', 'installed'] }).phase).toBe('done');
});
