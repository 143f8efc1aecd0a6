import { basename } from 'node:path';
import { shellQuote } from '../../clients/ssh.ts';
import type { Distro, Release } from '../../model/distro.ts';
import type { Plan } from '../../model/plan.ts';
import { packageScript, wantedPackages } from '../shared/install-packages.ts';
import { ownRepositories } from '../shared/own-repositories.ts';

/** Where `upload/` of the folder lies in the machine. The seal step removes it with all of /tmp. */
export const uploaded = '/tmp/upload';

/** Brings what the image lacks, by its own package manager. An image that lacks nothing needs no network. */
export function packagesScript({ plan, distro, release }: { plan: Plan; distro: Distro; release: Release }): string {
  const { template } = plan;
  const repositories = ownRepositories(plan).flatMap(({ key, sources }) =>
    [key, sources].map(({ to }) => `install -D -m 0644 ${uploaded}/repositories/${basename(to)} ${shellQuote(to)}\n`),
  );
  return `#!/bin/sh
# The packages that the definition wants in the image and the image has not.
set -eu

# The first boot must be over: it may hold the lock of the packages.
! command -v cloud-init >/dev/null || cloud-init status --wait >/dev/null 2>&1 || true

${repositories.join('')}${packageScript(distro.family, wantedPackages(release, template), template.packages.remove)}`;
}
