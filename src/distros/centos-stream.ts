import type { Distro, Release } from '../model/distro.ts';
import type { CloudImage, VendorFile } from '../model/vendor-file.ts';
import { anaconda, cloudLayout, enterpriseGuest } from './shared/enterprise-linux.ts';

/** CentOS Stream: facts only. There is one stream a major release: it ends when the full support of that RHEL ends. */

const unsigned = {
  kind: 'none',
  why: 'beside each file lies its SHA256SUM; a signature of it could not be verified to exist',
} as const;

function medium(major: string, id: string): VendorFile {
  const name = `CentOS-Stream-${major}-latest-x86_64-${id}.iso`;
  return {
    id,
    arch: 'amd64',
    folder: `https://mirror.stream.centos.org/${major}-stream/BaseOS/x86_64/iso/`,
    name,
    digests: { name: `${name}.SHA256SUM`, algorithm: 'sha256' },
    signature: unsigned,
  };
}

function genericCloud(major: string): CloudImage {
  const name = `CentOS-Stream-GenericCloud-${major}-latest.x86_64.qcow2`;
  return {
    id: 'GenericCloud',
    arch: 'amd64',
    obstacle: cloudLayout,
    folder: `https://cloud.centos.org/centos/${major}-stream/x86_64/images/`,
    name,
    digests: { name: `${name}.SHA256SUM`, algorithm: 'sha256' },
    signature: unsigned,
  };
}

function release(major: '9' | '10', end: string): Release {
  return {
    id: major,
    codename: `stream${major}`,
    title: `CentOS Stream ${major}`,
    endOfLife: { full: end, lts: end },
    installer: anaconda(major),
    media: [medium(major, 'dvd1'), medium(major, 'boot')],
    cloudImages: [genericCloud(major)],
    guest: enterpriseGuest('cloud-user'),
  };
}

export const centosStream: Distro = {
  id: 'centos-stream',
  title: 'CentOS Stream',
  osReleaseId: 'centos',
  family: 'dnf',
  arches: { amd64: 'x86_64' },
  releases: [release('9', '2027-05-31'), release('10', '2030-05-31')],
};
