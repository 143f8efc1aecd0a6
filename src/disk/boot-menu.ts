import type { Rootfs } from '../model/check.ts';

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

/** Debian's, and that of all others. */
const files = ['/boot/grub/grub.cfg', '/boot/grub2/grub.cfg'];
const entriesFolder = '/boot/loader/entries';

/** What GRUB's menu on the root file system starts; no entries when there is no menu. */
export async function readBootMenu(rootfs: Rootfs): Promise<BootMenu> {
  let file = files[0] as string;
  for (const candidate of files.toReversed()) if (await rootfs.stat(candidate)) file = candidate;
  const text = (await rootfs.readText(file)) ?? '';
  const menu = readMenu(file, text);
  if (/^\s*blscfg\b/m.test(text)) menu.entries.push(...(await readEntries(rootfs)));
  return menu;
}

function readMenu(file: string, text: string): BootMenu {
  const menu: BootMenu = { file, entries: [], searches: [] };
  for (const line of text.split('\n')) {
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

/** Entries that lie in files of their own (the Boot Loader Specification), the newest kernel first. Paths count from /boot where that is a file system of its own. */
async function readEntries(rootfs: Rootfs): Promise<BootEntry[]> {
  const environment = (await rootfs.readText('/boot/grub2/grubenv')) ?? '';
  const kernelOptions = /^kernelopts=(.*)$/m.exec(environment)?.[1] ?? '';
  const entries: BootEntry[] = [];
  for (const name of (await rootfs.list(entriesFolder)).toReversed()) {
    const text = name.endsWith('.conf') ? ((await rootfs.readText(`${entriesFolder}/${name}`)) ?? '') : '';
    const field = (key: string): string | undefined => new RegExp(`^${key}\\s+(.*)$`, 'm').exec(text)?.[1]?.trim();
    const kernel = field('linux');
    if (kernel === undefined) continue;
    const initrd = field('initrd')?.split(/\s+/)[0];
    const words = (field('options') ?? '').replace('$kernelopts', kernelOptions).split(/\s+/);
    entries.push({
      kernel: await inBoot(rootfs, kernel),
      args: words.filter((word) => word !== '' && !word.startsWith('$')),
      initrd: initrd === undefined ? undefined : await inBoot(rootfs, initrd),
    });
  }
  return entries;
}

async function inBoot(rootfs: Rootfs, path: string): Promise<string> {
  return path.startsWith('/boot/') || (await rootfs.stat(path)) ? path : `/boot${path}`;
}

/** The file behind a path or link of the boot menu, for its name: `/boot/vmlinuz-6.1.0-56-amd64`. */
export async function bootFile(rootfs: Rootfs, path: string): Promise<string> {
  const target = await rootfs.readLink(path);
  return target === undefined ? path : new URL(target, `file://${path}`).pathname;
}
