import type { Distro, Release } from '../model/distro.ts';
import type { CloudImage, SigningKey, VendorFile } from '../model/vendor-file.ts';
import { anaconda, cloudLayout, enterpriseGuest } from './shared/enterprise-linux.ts';
import { distributionKey } from './shared/key-packages.ts';

/** AlmaLinux: facts only. Fingerprints were taken from the keys themselves. */

function key(major: string, fingerprints: string[]): SigningKey {
  return {
    owner: `AlmaLinux OS ${major} <packager@almalinux.org>`,
    fingerprints,
    url: `https://repo.almalinux.org/almalinux/RPM-GPG-KEY-AlmaLinux-${major}`,
    verifiedWith: 'the key in the package distribution-gpg-keys of Debian 13',
    keyring: distributionKey(`alma/RPM-GPG-KEY-AlmaLinux-${major}`),
  };
}

const keys = {
  // The second one signed until January 2024, when it expired.
  '8': key('8', ['BC5EDDCADF502C077F1582882AE81E8ACED7258B', '5E9B8F5617B5066CE92057C3488FCF7C3ABB34F8']),
  '9': key('9', ['BF18AC2876178908D6E71267D36CB86CB86B3716']),
  '10': key('10', ['EE6DB7B98F5BF5EDD9DA0DE5DEE5C11CC2A1E572']),
};

function medium(major: keyof typeof keys, id: string): VendorFile {
  return {
    id,
    arch: 'amd64',
    folder: `https://repo.almalinux.org/almalinux/${major}/isos/x86_64/`,
    name: `AlmaLinux-${major}.*-x86_64-${id}.iso`,
    digests: { name: 'CHECKSUM', algorithm: 'sha256' },
    signature: { kind: 'clearsigned', key: keys[major] },
  };
}

function genericCloud(major: string): CloudImage {
  return {
    id: 'GenericCloud',
    arch: 'amd64',
    obstacle: cloudLayout,
    folder: `https://repo.almalinux.org/almalinux/${major}/cloud/x86_64/images/`,
    name: `AlmaLinux-${major}-GenericCloud-latest.x86_64.qcow2`,
    digests: { name: 'CHECKSUM', algorithm: 'sha256' },
    signature: { kind: 'none', why: 'whether the CHECKSUM of the cloud images is signed could not be verified' },
  };
}

function release(major: keyof typeof keys, full: string, lts: string): Release {
  return {
    id: major,
    // Its code names change with each point release; the number names the release.
    codename: major,
    title: `AlmaLinux ${major}`,
    endOfLife: { full, lts },
    installer: anaconda(major),
    media: [medium(major, 'minimal'), medium(major, 'boot')],
    cloudImages: [genericCloud(major)],
    guest: enterpriseGuest('almalinux'),
  };
}

export const almalinux: Distro = {
  id: 'almalinux',
  title: 'AlmaLinux',
  osReleaseId: 'almalinux',
  family: 'dnf',
  arches: { amd64: 'x86_64' },
  releases: [
    release('8', '2024-05-31', '2029-05-31'),
    release('9', '2027-05-31', '2032-05-31'),
    release('10', '2030-05-31', '2035-05-31'),
  ],
};
