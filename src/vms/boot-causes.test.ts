import { expect, test } from 'vitest';
import { bootFailureCause, lastConsoleLine } from './boot-causes.ts';

const consoles: [text: string, cause: RegExp][] = [
  [
    '[    2.1] ---[ end Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100 ]---\n',
    /^kernel panic: Attempted to kill init/,
  ],
  [
    '[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n',
    /initramfs is missing, broken, or lacks the driver/,
  ],
  [
    'Gave up waiting for root file system device.  Common problems:\nALERT!  UUID=288dd7f0 does not exist.  Dropping to a shell!\n(initramfs) ',
    /did not find the root file system UUID=288dd7f0/,
  ],
  ['BusyBox v1.35.0 (Debian) built-in shell (ash)\n\n(initramfs) ', /shell of the initramfs/],
  [
    '[DEPEND] Dependency failed for /data.\nYou are in emergency mode. After logging in\n',
    /emergency mode: dependency failed for \/data/,
  ],
  ['Cannot open access to console, the root account is locked.\n', /emergency mode/],
  ['error: no such partition.\nEntering rescue mode...\ngrub rescue> ', /GRUB ended in rescue mode: no such partition/],
  ['GNU GRUB  version 2.06\n\ngrub> ', /GRUB stopped at its prompt/],
  [
    "error: file `/vmlinuz' not found.\nerror: you need to load the kernel first.\n\nPress any key to continue...",
    /could not start the kernel: file `\/vmlinuz' not found/,
  ],
  ['Booting from Hard Disk...\nBoot failed: not a bootable disk\n\nNo bootable device.\n', /BIOS found nothing/],
  ['BdsDxe: failed to load Boot0001 "UEFI Misc Device" from PciRoot(0x0): Access Denied\n', /Secure Boot refused/],
  ['BdsDxe: No bootable option or device was found.\n', /UEFI firmware found nothing/],
];

test.each(consoles)('%j', (text, cause) => {
  expect(bootFailureCause(text)).toMatch(cause);
});

test('an ordinary boot has no cause', () => {
  const good = [
    'BdsDxe: loading Boot0001 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x2,0x0)',
    "Booting `Debian GNU/Linux 12'",
    '[    0.0] Command line: BOOT_IMAGE=/vmlinuz root=UUID=288d ro panic=30',
    'Begin: Running /scripts/local-premount ... done.',
    '[  OK  ] Listening on Syslog Socket. [  OK  ] Reached target Emergency dependencies.',
    'clone-a login: ',
  ].join('\n');
  expect(bootFailureCause(good)).toBeUndefined();
});

test('the last line is the last that says something', () => {
  expect(lastConsoleLine('one\n  two  \n\n')).toBe('two');
  expect(lastConsoleLine('')).toBe('');
});
