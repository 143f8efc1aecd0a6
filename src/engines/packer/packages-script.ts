import type { Distro, Release } from '../../model/distro.ts';
import type { Plan } from '../../model/plan.ts';
import { packageScript, wantedPackages } from '../shared/install-packages.ts';

/** Brings what the image lacks, by its own package manager. An image that lacks nothing needs no network. */
export function packagesScript({ plan, distro, release }: { plan: Plan; distro: Distro; release: Release }): string {
  const { template } = plan;
  return `#!/bin/sh
# The packages that the definition wants in the image and the image has not.

# The first boot must be over: it may hold the lock of the packages.
! command -v cloud-init >/dev/null || cloud-init status --wait >/dev/null 2>&1 || true

${packageScript(distro.family, wantedPackages(release, template), template.packages.remove)}`;
}
