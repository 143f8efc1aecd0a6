import type { Distro, Release } from '../../../model/distro.ts';
import type { Refusal } from '../../../model/engine.ts';
import type { Medium } from '../../../model/medium.ts';
import type { CloudImage } from '../../../model/vendor-file.ts';

/** Why a disk cannot be made from what the vendor publishes, as far as facts tell: nothing for all, nothing that proves it, or nothing that can be checked. */
export function refuseVendorFile(
  kind: Medium['kind'],
  { distro, release }: { distro: Distro; release: Release },
  isChecked = true,
): Refusal[] {
  const files: CloudImage[] = kind === 'image' ? release.cloudImages : release.media;
  const what = kind === 'image' ? 'cloud image' : 'installation medium';
  const path = ['engine', 'options'];
  const [file] = files;
  if (!file)
    return [
      {
        path,
        message: `${release.title} has no ${what} that everybody may fetch: the source is needed`,
        hint: distro.subscription ?? 'Name a file and its digest (engine.options.source).',
      },
    ];
  const refusals: Refusal[] = [];
  if (file.signature.kind === 'none')
    refusals.push({
      path,
      message: `the vendor's ${what} of ${release.title} cannot be proven: ${file.signature.why}`,
      hint: `Name a file and its digest (engine.options.source), when you have proven it by another way. The vendor's lie at ${file.folder}`,
    });
  if (isChecked && file.obstacle !== undefined)
    refusals.push({
      path: ['engine', 'name'],
      message: `what is made from the vendor's ${what} of ${release.title} could not be checked: ${file.obstacle}`,
      hint: 'Use the engine installer, which lays out one ext4, or name an image like that (engine.options.source).',
    });
  return refusals;
}
