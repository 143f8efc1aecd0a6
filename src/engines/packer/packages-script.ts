import { type Distro, type Family, packageUses, type Release } from '../../model/distro.ts';
import type { Plan } from '../../model/plan.ts';
import { kernelArguments } from '../shared/step-environment.ts';

/** The packages that a plan wants in an image that it did not choose itself. */
function wantedPackages(plan: Plan, release: Release): string[] {
  const { platforms, packages } = plan.template;
  const { packages: byUse, agents } = release.guest;
  // A minimal image has a boot menu that nothing writes anew.
  const uses = packageUses.filter((use) => packages.set === 'standard' || use !== 'boot-menu');
  const wanted = [
    ...uses.flatMap((use) => byUse[use]),
    ...platforms.flatMap((id) => agents[id]?.packages ?? []),
    ...packages.add,
  ];
  return [...new Set(wanted)].filter((name) => !packages.remove.includes(name)).toSorted();
}

const managers: Record<Family, { has: string; install: string; remove: string }> = {
  apt: {
    has: 'dpkg-query -W -f \'${db:Status-Status}\' "$1" 2>/dev/null | grep -qx installed',
    install: 'apt-get -q update && apt-get -q -y --no-install-recommends install',
    remove: 'apt-get -q -y purge',
  },
  dnf: { has: 'rpm -q --quiet --whatprovides "$1"', install: 'dnf -q -y install', remove: 'dnf -q -y remove' },
  zypper: {
    has: 'rpm -q --quiet --whatprovides "$1"',
    install: 'zypper --non-interactive --quiet install --no-recommends',
    remove: 'zypper --non-interactive --quiet remove',
  },
};

/** Brings what the image lacks, by its own package manager, and its kernel arguments. An image that lacks nothing needs no network. */
export function packagesScript({ plan, distro, release }: { plan: Plan; distro: Distro; release: Release }): string {
  const { has, install, remove } = managers[distro.family];
  const unwanted = plan.template.packages.remove;
  return `#!/bin/sh
# What the definition wants in the image and the image has not: packages, kernel arguments.
set -eu
has() { ${has}; }

# The first boot must be over: it may hold the lock of the packages.
! command -v cloud-init >/dev/null || cloud-init status --wait >/dev/null 2>&1 || true

missing=
for package in ${wantedPackages(plan, release).join(' ')}; do
  has "$package" || missing="$missing $package"
done
if [ -n "$missing" ]; then
  echo "packages: installing$missing"
  # shellcheck disable=SC2086 # a list, meant to be split
  ${install} $missing
fi
unwanted=
for package in ${unwanted.join(' ')}; do
  ! has "$package" || unwanted="$unwanted $package"
done
if [ -n "$unwanted" ]; then
  # shellcheck disable=SC2086
  ${remove} $unwanted
fi

${kernelArgumentsText(plan, release)}`;
}

/** Adds the arguments that the boot menu does not have yet. */
function kernelArgumentsText(plan: Plan, { guest }: Release): string {
  const words = kernelArguments(plan).join(' ');
  const [command = 'true', ...args] = guest.bootMenu;
  return `arguments=
for argument in ${words}; do
  grep -rqsF -- "$argument" /boot/grub/grub.cfg /boot/grub2/grub.cfg /boot/loader/entries /etc/kernel/cmdline ||
    arguments="$arguments $argument"
done
if [ -n "$arguments" ]; then
  echo "boot menu: adding$arguments"
  if command -v grubby >/dev/null; then
    grubby --update-kernel=ALL --args="$arguments"
  else
    mkdir -p /etc/default/grub.d
    echo "GRUB_CMDLINE_LINUX=\\"\\$GRUB_CMDLINE_LINUX$arguments\\"" >/etc/default/grub.d/60-gabarit.cfg
    # Where nothing reads that folder, the setting goes to the end of the file.
    grep -qs grub.d "$(command -v grub-mkconfig || echo /dev/null)" ||
      cat /etc/default/grub.d/60-gabarit.cfg >>/etc/default/grub
    ${[command, ...args].join(' ')}
  fi
fi
`;
}
