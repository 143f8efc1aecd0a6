/** Boot menus of a repacked medium: one entry, started by itself after a second. */

export interface MenuEntry {
  /** Paths on the medium. */
  kernel: string;
  initrd: string;
  arguments: readonly string[];
}

/** A file of a boot menu, by its name: GRUB's or ISOLINUX's. */
export function bootMenu(path: string, entry: MenuEntry): string {
  return path.endsWith('.cfg') && /isolinux|syslinux/.test(path) ? isolinuxMenu(entry) : grubMenu(entry);
}

function grubMenu({ kernel, initrd, arguments: words }: MenuEntry): string {
  return `set default=0
set timeout=1
menuentry 'Unattended installation' {
  linux ${[kernel, ...words].map(grubWord).join(' ')}
  initrd ${grubWord(initrd)}
}
`;
}

/** In GRUB, as in a shell: a semicolon would end the command. */
function grubWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** ISOLINUX knows no quoting: its line is handed to the kernel as it is. */
function isolinuxMenu({ kernel, initrd, arguments: words }: MenuEntry): string {
  const line = [`initrd=${initrd}`, ...words].join(' ');
  if (/[\r\n]/.test(line)) throw new RangeError(`a boot menu cannot carry ${JSON.stringify(line)}`);
  return `default unattended
prompt 0
timeout 10
label unattended
  kernel ${kernel}
  append ${line}
`;
}
