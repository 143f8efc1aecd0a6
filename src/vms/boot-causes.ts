/** What a boot that failed says on the serial console, and what it most likely means. The first that matches is named. */

interface Cause {
  sign: RegExp;
  /** Words for people; `$1` is what the sign caught. */
  cause: string;
}

const causes: Cause[] = [
  {
    sign: /Kernel panic - not syncing: (VFS: Unable to mount root fs[^\n]*)/,
    cause: 'kernel panic: $1: the initramfs is missing, broken, or lacks the driver of the root disk',
  },
  { sign: /Kernel panic - not syncing: ([^\n]*)/, cause: 'kernel panic: $1' },
  {
    sign: /ALERT!\s+(\S+) does not exist/,
    cause: 'the initramfs did not find the root file system $1: wrong root= argument, or a missing driver',
  },
  { sign: /\(initramfs\) *$/, cause: 'the boot ended in the shell of the initramfs' },
  { sign: /dracut:\/#|Entering emergency mode\. Exit the shell to continue/, cause: 'the boot ended in the shell of dracut' },
  {
    sign: /Dependency failed for ([^\n]*)[^]*(?:emergency mode|Give root password)/,
    cause: 'systemd went into emergency mode: dependency failed for $1',
  },
  {
    sign: /You are in (emergency|rescue) mode|Cannot open access to console, the root account is locked/,
    cause: 'systemd went into emergency mode',
  },
  {
    sign: /error: ([^\n]*)\.?\s*\n(?:[^\n]*\n){0,6}?\s*(?:Entering rescue mode|grub rescue>)/,
    cause: 'GRUB ended in rescue mode: $1',
  },
  { sign: /grub rescue> *$/, cause: 'GRUB ended in rescue mode' },
  { sign: /(?:^|\n)grub> *$/, cause: 'GRUB stopped at its prompt: it found no menu' },
  {
    sign: /error: ([^\n]*(?:not found|no such device|invalid|bad shim signature|verification)[^\n]*)\n[^]*Press any key to continue/i,
    cause: 'GRUB could not start the kernel: $1',
  },
  { sign: /No bootable device|Boot failed: not a bootable disk/, cause: 'the BIOS found nothing to start on the disk' },
  {
    sign: /BdsDxe: failed to load [^\n]*: Access Denied|Security Violation|Verification failed: \(0x1A\)/,
    cause: 'Secure Boot refused the boot loader: it is not signed by an enrolled key',
  },
  {
    sign: /BdsDxe: No bootable option or device was found|UEFI Interactive Shell|Start PXE over IPv/,
    cause: 'the UEFI firmware found nothing to start on the disk',
  },
];

/** The likely cause, when the console shows one. */
export function bootFailureCause(console: string): string | undefined {
  for (const { sign, cause } of causes) {
    const match = sign.exec(console);
    if (match) return cause.replace('$1', (match[1] ?? '').trim());
  }
  return undefined;
}

/** What was last seen to happen, for a boot that stopped without a word. */
export function lastConsoleLine(console: string): string {
  return (
    console
      .split('\n')
      .map((line) => line.trim())
      .findLast((line) => line !== '')
      ?.slice(0, 200) ?? ''
  );
}
