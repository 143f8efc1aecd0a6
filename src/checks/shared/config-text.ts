import type { Rootfs } from '../../model/check.ts';

/** Lines that say something: no blank lines, no comments, no space around them. */
export function statements(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^[#;]/.test(line));
}

/** Files of several `name.d` folders as systemd orders them: by name, one in an earlier folder hiding its namesakes. */
export async function dropIns(rootfs: Rootfs, folders: string[], extension: string): Promise<string[]> {
  const byName = new Map<string, string>();
  for (const folder of folders) {
    for (const name of await rootfs.list(folder)) {
      if (name.endsWith(extension) && !byName.has(name)) byName.set(name, `${folder}/${name}`);
    }
  }
  return [...byName.keys()].toSorted().map((name) => byName.get(name) as string);
}

/** The text at a path, following one link to a file (`99-sysctl.conf -> ../sysctl.conf`); "" when there is none. */
export async function textAt(rootfs: Rootfs, path: string): Promise<string> {
  const link = await rootfs.readLink(path);
  if (link === undefined) return (await rootfs.readText(path)) ?? '';
  const target = link.startsWith('/') ? link : new URL(link, `file://${path}`).pathname;
  return (await rootfs.readText(target)) ?? '';
}
