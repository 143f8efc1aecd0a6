/** What the name of a medium tells: vendors build it by a rule of theirs. Weaker than what lies on the medium, and often all there is. */

export interface NamedMedium {
  distro: string;
  title: string;
  release: string;
  /** In Debian's names. */
  arch?: string;
  kind: 'installer' | 'live';
  installer?: string;
}

/** Vendors' names of machines, cut off as a volume id of 32 characters cuts them, in Debian's. */
const arches: Record<string, string> = {
  x86_64: 'amd64',
  amd64: 'amd64',
  i386: 'i386',
  i686: 'i386',
  x86: 'i386',
  aarch64: 'arm64',
  arm64: 'arm64',
  armhf: 'armhf',
  armv7: 'armhf',
  ppc64: 'ppc64el',
  ppc64le: 'ppc64el',
  ppc64el: 'ppc64el',
  p64el: 'ppc64el',
  s390x: 's390x',
};

interface Rule {
  pattern: RegExp;
  distro: string;
  title: string;
  installer: string;
  /** The release, where the name does not have it as it is called. */
  release?: (groups: Record<string, string | undefined>) => string;
}

const dotted = ({ release, point }: Record<string, string | undefined>): string =>
  point === undefined ? (release ?? '') : `${release ?? ''}.${point}`;

/** Asked in this order. */
const rules: Rule[] = [
  {
    pattern: /^Debian (?<release>\d+)(?<rest>[\d.]*) (?<arch>\w+) (n|\d+|BD.*|DLBD.*)$/,
    distro: 'debian',
    title: 'Debian GNU/Linux',
    installer: 'debian-installer',
    release: ({ release, rest }) => `${release ?? ''}${rest ?? ''}`,
  },
  {
    pattern: /^Ubuntu-Server (?<release>\d\d\.\d\d[\d.]*)( LTS)? (?<arch>\w+)$/,
    distro: 'ubuntu',
    title: 'Ubuntu-Server',
    installer: 'subiquity',
  },
  { pattern: /^Ubuntu (?<release>\d\d\.\d\d[\d.]*)( LTS)? (?<arch>\w+)$/, distro: 'ubuntu', title: 'Ubuntu', installer: '' },
  {
    pattern: /^Rocky-(?<release>\d+)-(?<point>\d+)-(?<arch>x86_64|aarch64|ppc64le|s390x)-/,
    distro: 'rocky',
    title: 'Rocky Linux',
    installer: 'anaconda',
    release: dotted,
  },
  {
    pattern: /^AlmaLinux-(?<release>\d+)-(?<point>\d+)-(?<arch>x86_64|aarch64|ppc64le|s390x)/,
    distro: 'almalinux',
    title: 'AlmaLinux',
    installer: 'anaconda',
    release: dotted,
  },
  {
    pattern: /^CentOS[-_]Stream[-_](?<release>\d+)[-_](BaseOS[-_])?(?<arch>x86_64|aarch64|ppc64le|s390x)/,
    distro: 'centos',
    title: 'CentOS Stream',
    installer: 'anaconda',
  },
  {
    pattern: /^RHEL[-_](?<release>\d+)[-_](?<point>\d+)[-_](\d+[-_])?BaseOS[-_](?<arch>x86_64|aarch64|ppc64le|s390x)/,
    distro: 'rhel',
    title: 'Red Hat Enterprise Linux',
    installer: 'anaconda',
    release: dotted,
  },
  {
    pattern: /^openSUSE-Leap-(?<release>\d+\.\d+)(-\d+)?-(DVD|NET)-(?<arch>x86_64|aarch64|ppc64le|s390x)/,
    distro: 'opensuse',
    title: 'openSUSE Leap',
    installer: 'autoyast',
  },
  {
    pattern: /^alpine-\w+ (?<release>\d[\w.]*) (?<arch>x86_64|x86|aarch64|armv7|ppc64le|s390x)$/,
    distro: 'alpine',
    title: 'Alpine Linux',
    installer: 'setup-alpine',
  },
];

/** Undefined for a name that follows no known rule. */
export function readVolumeId(volumeId: string): NamedMedium | undefined {
  for (const { pattern, distro, title, installer, release: releaseOf } of rules) {
    const groups = pattern.exec(volumeId.trim())?.groups;
    if (!groups) continue;
    const release = releaseOf?.(groups) ?? groups['release'] ?? '';
    const arch = arches[groups['arch'] ?? ''];
    return {
      distro,
      title: `${title} ${release}`,
      release,
      ...(arch === undefined ? {} : { arch }),
      kind: installer === '' ? 'live' : 'installer',
      ...(installer === '' ? {} : { installer }),
    };
  }
  return undefined;
}
