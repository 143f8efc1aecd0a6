import type { Rootfs } from '../../model/check.ts';
import { dropIns, statements, textAt } from './config-text.ts';

/** A setting of sshd with the file that decides it. */
export interface SshdSetting {
  value: string;
  file: string;
}

/** openSUSE 16 brings its own in /usr, where a person's in /etc hides it. */
const mains = ['/etc/ssh/sshd_config', '/usr/etc/ssh/sshd_config'];

/**
 * What sshd will use, by lower-case keyword: the first value that it meets wins, and an Include stands for the files that it names.
 * Blocks that hold only for some connections (Match) are left out. Settings that are nowhere are absent: sshd's default holds.
 */
export async function readSshdConfig(rootfs: Rootfs): Promise<Map<string, SshdSetting>> {
  const settings = new Map<string, SshdSetting>();
  for (const main of mains) {
    if (!(await rootfs.stat(main))) continue;
    await readInto(settings, rootfs, main);
    break;
  }
  return settings;
}

async function readInto(settings: Map<string, SshdSetting>, rootfs: Rootfs, file: string): Promise<void> {
  for (const line of statements(await textAt(rootfs, file))) {
    const [keyword = '', ...rest] = line.split(/\s+|\s*=\s*/);
    const key = keyword.toLowerCase();
    const value = rest.join(' ').replaceAll('"', '');
    if (key === 'match') return;
    if (key !== 'include') {
      if (!settings.has(key)) settings.set(key, { value, file });
      continue;
    }
    for (const pattern of rest) for (const included of await filesOf(rootfs, pattern)) await readInto(settings, rootfs, included);
  }
}

/** The files that an Include means, in order; relative ones are in /etc/ssh. Only `*` in the last part is known here. */
async function filesOf(rootfs: Rootfs, pattern: string): Promise<string[]> {
  const path = pattern.startsWith('/') ? pattern : `/etc/ssh/${pattern}`;
  const slash = path.lastIndexOf('/');
  const [before = '', after] = path.slice(slash + 1).split('*');
  if (after === undefined) return [path];
  const files = await dropIns(rootfs, [path.slice(0, slash)], after);
  return files.filter((file) => file.slice(slash + 1).startsWith(before));
}
