import type { GuestCheck } from '../model/check.ts';
import { formatSize } from '../model/size.ts';

const leastShare = 0.95;

/** The machine's disk is larger than the image; the root file system must have taken what is new. */
export const guestRootGrown: GuestCheck = {
  id: 'guest-root-grown',
  title: 'The root file system grows to the disk',
  on: 'guest',
  async run(guest) {
    const { stdout } = await guest.run(
      'df -B1 --output=size / | tail -n 1; part=$(findmnt -no SOURCE /); lsblk -bdno SIZE "/dev/$(lsblk -no PKNAME "$part")"; echo "$part"',
    );
    const [size = Number.NaN, disk = Number.NaN] = stdout.split('\n').map((line) => Number(line.trim()));
    if (!(size > 0) || !(disk > 0))
      return [{ status: 'fail', message: `the sizes of the root file system and its disk cannot be read: ${stdout.trim()}` }];
    const image = guest.plan.template.disk.size;
    if (disk <= image)
      return [{ status: 'skip', message: `the disk (${formatSize(disk)}) is not larger than the image (${formatSize(image)})` }];
    const share = `${formatSize(size)} of ${formatSize(disk)} (${((size / disk) * 100).toFixed(1)} %)`;
    if (size >= disk * leastShare) return [{ status: 'pass', message: share }];
    return [{ status: 'fail', message: `the root file system has only ${share}: it did not grow` }];
  },
};
