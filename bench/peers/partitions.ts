import { access } from 'node:fs/promises';
import { exec } from '../../src/util/exec.ts';

let known: Promise<boolean> | undefined;

/**
 * Whether this kernel can show a disk image's partitions as devices, which vmdb2, mkosi and diskimage-builder need (Gabarit does not).
 * Where it cannot, each of them makes something simpler, without a boot loader: that is to its advantage.
 */
export async function hasPartitions(): Promise<boolean> {
  known ??= (async () => {
    const present = await access('/dev/mapper/control').then(
      () => true,
      () => false,
    );
    return present && (await exec(['dmsetup', 'version'], { okExitCodes: [0, 1] })).exitCode === 0;
  })();
  return known;
}

/** A PATH on which a stand-in for kpartx comes first. */
export function standInPath(): string {
  return `${new URL('no-device-mapper', import.meta.url).pathname}:/usr/sbin:/usr/bin:/sbin:/bin`;
}
