import type { Rootfs } from '../../model/check.ts';

export interface BootEntry {
  kernel: string;
  args: string[];
  /** Undefined when the entry has none. */
  initrd: string | undefined;
}

export interface BootMenu {
  file: string;
  entries: BootEntry[];
  /** UUIDs that the menu looks for. */
  searches: string[];
}

const file = '/boot/grub/grub.cfg';

/** What GRUB's menu on the root file system starts; no entries when there is no menu. */
export async function readBootMenu(rootfs: Rootfs): Promise<BootMenu> {
  const menu: BootMenu = { file, entries: [], searches: [] };
  for (const line of ((await rootfs.readText(file)) ?? '').split('\n')) {
    const [command = '', ...words] = line.trim().split(/\s+/);
    if (/^linux(16|efi)?$/.test(command)) menu.entries.push({ kernel: words[0] ?? '', args: words.slice(1), initrd: undefined });
    const last = menu.entries.at(-1);
    if (/^initrd(16|efi)?$/.test(command) && last) last.initrd = words.at(-1);
    const searched = /^search(\.fs_uuid)?$/.test(command)
      ? words.find((word) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(word))
      : undefined;
    if (searched !== undefined) menu.searches.push(searched);
  }
  return menu;
}

/** The file behind a path or link of the boot menu, for its name: `/boot/vmlinuz-6.1.0-56-amd64`. */
export async function bootFile(rootfs: Rootfs, path: string): Promise<string> {
  const target = await rootfs.readLink(path);
  return target === undefined ? path : new URL(target, `file://${path}`).pathname;
}
