import { type Distro, findRelease, type Release } from '../model/distro.ts';
import { didYouMean } from '../util/suggest.ts';
import type { PathFault } from './load-faults.ts';
import type { TemplateParts } from './load-semantics.ts';

/** Which release a definition means, and whether anybody still repairs it. Days are ISO dates. */

export function releaseOf(
  { distro: id, release }: TemplateParts,
  distros: readonly Distro[],
): { distro?: Distro; release?: Release } {
  const distro = distros.find((candidate) => candidate.id === id);
  if (!distro || release === undefined) return {};
  const found = findRelease(distro, release);
  return found ? { distro, release: found } : { distro };
}

/** A release that is not known, with near names. */
export function releaseFaults(parts: TemplateParts, distros: readonly Distro[]): PathFault[] {
  const { distro, release } = releaseOf(parts, distros);
  if (!distro || release || parts.release === undefined) return [];
  const known = distro.releases.map(({ id, codename }) => (id === codename ? id : `${id} (${codename})`)).join(', ');
  // A number beside another one is not a slip, unless it has the same beginning: 24.10 for 24.04.
  const isNumber = /^\d+(\.\d+)?$/.test(parts.release);
  const names = isNumber
    ? distro.releases.flatMap(({ id }) => (id.includes('.') && id.split('.')[0] === parts.release?.split('.')[0] ? id : []))
    : distro.releases.map(({ codename }) => codename);
  return [
    {
      path: ['release'],
      message: `${distro.title} has no release ${JSON.stringify(parts.release)} here${didYouMean(parts.release, names)}`,
      hint: `Known releases: ${known}`,
    },
  ];
}

/** A release that nobody repairs any more. It may be built all the same, if one insists. */
export function endOfLifeFaults(parts: TemplateParts, distros: readonly Distro[], today: string): PathFault[] {
  const { release } = releaseOf(parts, distros);
  if (!release || release.endOfLife.lts >= today) return [];
  return [
    {
      path: ['release'],
      message: `all support of ${release.title} ended on ${release.endOfLife.lts}`,
      hint: 'Nobody repairs its faults any more: use a newer release, or insist with --allow-end-of-life.',
    },
  ];
}

/** What is allowed but should be known: only long-term support is left, or none and it was insisted. */
export function supportWarnings(parts: TemplateParts, distros: readonly Distro[], today: string): PathFault[] {
  const { release } = releaseOf(parts, distros);
  if (!release || release.endOfLife.full >= today) return [];
  const { full, lts } = release.endOfLife;
  if (lts < today) {
    const hint = 'No more security updates: use a newer release.';
    return [{ path: ['release'], message: `all support of ${release.title} ended on ${lts}`, hint }];
  }
  const hint = `Long-term support lasts until ${lts}.`;
  return [{ path: ['release'], message: `regular support of ${release.title} ended on ${full}`, hint }];
}
