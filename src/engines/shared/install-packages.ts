import { type Distro, packageUses, type Release } from '../../model/distro.ts';
import type { Template } from '../../model/template.ts';
import { shellQuote } from '../../clients/ssh.ts';

/** What must be installed beside what a vendor's image or installer brings: what the steps and checks need, the agents, and the template's own. */
export function wantedPackages(release: Release, { platforms, packages }: Pick<Template, 'platforms' | 'packages'>): string[] {
  const { guest } = release;
  // A minimal image has a boot menu that nothing writes anew.
  const uses = packageUses.filter((use) => packages.set === 'standard' || use !== 'boot-menu');
  const agents = platforms.flatMap((platform) => guest.agents[platform] ?? []);
  return [
    ...(agents.some(({ repository }) => repository === 'EPEL') ? [epel] : []),
    ...uses.flatMap((use) => guest.packages[use]),
    ...agents.flatMap((agent) => agent.packages),
    ...packages.add,
  ].filter((name, index, all) => all.indexOf(name) === index && !packages.remove.includes(name));
}

/** The package that adds the repository EPEL. */
const epel = 'epel-release';

interface Manager {
  /** Succeeds for a package that is installed. */
  has: string;
  update: string;
  install: string;
  remove: string;
}

const managers: Record<Distro['family'], Manager> = {
  apt: {
    has: 'dpkg-query -W -f \'${db:Status-Status}\\n\' "$p" 2>/dev/null | grep -qx installed',
    update: 'apt-get -q update',
    install: 'apt-get -q -y --no-install-recommends install',
    remove: 'apt-get -q -y purge',
  },
  dnf: {
    has: 'rpm -q --whatprovides "$p" >/dev/null 2>&1',
    update: 'true',
    install: 'dnf -q -y --setopt=install_weak_deps=False install',
    remove: 'dnf -q -y remove',
  },
  zypper: {
    has: 'rpm -q --whatprovides "$p" >/dev/null 2>&1',
    update: 'zypper -q --non-interactive refresh',
    install: 'zypper -q --non-interactive install --no-recommends',
    remove: 'zypper -q --non-interactive remove',
  },
};

/** A script that installs what is missing and removes what must not be there. It needs the network only when something is missing. */
export function packageScript(family: Distro['family'], wanted: readonly string[], unwanted: readonly string[]): string {
  const { has, update, install, remove } = managers[family];
  // The repository of others comes first, or these would not be found.
  const groups = [wanted.filter((name) => name === epel), wanted.filter((name) => name !== epel)];
  const additions = groups
    .filter((names) => names.length > 0)
    .map(
      (names) => `missing=
set -- ${names.map(shellQuote).join(' ')}
for p; do ${has} || missing="$missing $p"; done
if [ -n "$missing" ]; then
  echo "installing$missing"
  ${update}
  # shellcheck disable=SC2086 # the list is meant to be split
  ${install} $missing
fi
`,
    );
  return `set -eu
export DEBIAN_FRONTEND=noninteractive
${additions.join('')}${unwanted.length === 0 ? '' : removal(has, remove, unwanted)}`;
}

function removal(has: string, remove: string, unwanted: readonly string[]): string {
  return `unwanted=
set -- ${unwanted.map(shellQuote).join(' ')}
for p; do if ${has}; then unwanted="$unwanted $p"; fi; done
# shellcheck disable=SC2086
[ -z "$unwanted" ] || ${remove} $unwanted
`;
}
