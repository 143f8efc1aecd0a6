import type { Rootfs } from '../../model/check.ts';

/** What systemd will do with a unit at boot, read from the links of its folders. */

const configured = '/etc/systemd/system';

/** Whether the unit is there; for an instance (`getty@tty1.service`), its template. */
export async function hasUnit(rootfs: Rootfs, unit: string): Promise<boolean> {
  const file = unit.replace(/@.+\./, '@.');
  for (const folder of [configured, '/usr/lib/systemd/system', '/lib/systemd/system']) {
    if (await rootfs.stat(`${folder}/${file}`)) return true;
  }
  return false;
}

export async function isMasked(rootfs: Rootfs, unit: string): Promise<boolean> {
  return (await rootfs.readLink(`${configured}/${unit}`)) === '/dev/null';
}

/** Whether another unit wants or requires it, and it exists and is not masked. */
export async function isEnabled(rootfs: Rootfs, unit: string): Promise<boolean> {
  if (!(await hasUnit(rootfs, unit)) || (await isMasked(rootfs, unit))) return false;
  for (const folder of await rootfs.list(configured)) {
    if (/\.(wants|requires)$/.test(folder) && (await rootfs.stat(`${configured}/${folder}/${unit}`))) return true;
  }
  return false;
}
