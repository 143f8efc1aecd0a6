import type { Distro, Release } from '../model/distro.ts';
import type { CloudImage, SigningKey, VendorFile } from '../model/vendor-file.ts';
import { anaconda, cloudLayout, enterpriseGuest } from './shared/enterprise-linux.ts';
import { distributionKey } from './shared/key-packages.ts';

/** Rocky Linux: facts only. Fingerprints were taken from the keys themselves. */

function key(major: string, owner: string, fingerprint: string, file: string): SigningKey {
  return {
    owner,
    fingerprints: [fingerprint],
    url: `https://dl.rockylinux.org/pub/rocky/${file}`,
    verifiedWith: 'the key in the package distribution-gpg-keys of Debian 13',
    keyring: distributionKey(`rocky/RPM-GPG-KEY-Rocky-${major}`),
  };
}

const keys = {
  '8': key(
    '8',
    'Release Engineering <infrastructure@rockylinux.org>',
    '7051C470A929F454CEBE37B715AF5DAC6D745A60',
    'RPM-GPG-KEY-rockyofficial',
  ),
  '9': key(
    '9',
    'Rocky Enterprise Software Foundation - Release key 2022 <releng@rockylinux.org>',
    '21CB256AE16FC54C6E652949702D426D350D275D',
    'RPM-GPG-KEY-Rocky-9',
  ),
  '10': key(
    '10',
    'Release Engineering (Rocky Linux 10) <releng@rockylinux.org>',
    'FC226859C0860BF0DDB95B085B106C736FEDFC85',
    'RPM-GPG-KEY-Rocky-10',
  ),
};

function medium(major: keyof typeof keys, id: string): VendorFile {
  return {
    id,
    arch: 'amd64',
    folder: `https://download.rockylinux.org/pub/rocky/${major}/isos/x86_64/`,
    name: `Rocky-${major}.*-x86_64-${id}.iso`,
    digests: { name: 'CHECKSUM', algorithm: 'sha256' },
    signature: { kind: 'detached', name: 'CHECKSUM.sig', key: keys[major] },
  };
}

function genericCloud(major: string): CloudImage {
  return {
    id: 'GenericCloud-Base',
    arch: 'amd64',
    obstacle: cloudLayout,
    folder: `https://download.rockylinux.org/pub/rocky/${major}/images/x86_64/`,
    name: `Rocky-${major}-GenericCloud-Base.latest.x86_64.qcow2`,
    digests: { name: `Rocky-${major}-GenericCloud-Base.latest.x86_64.qcow2.CHECKSUM`, algorithm: 'sha256' },
    signature: { kind: 'none', why: 'no signature of the cloud images could be verified to exist' },
  };
}

function release(major: keyof typeof keys, codename: string, full: string, lts: string): Release {
  return {
    id: major,
    codename: codename.toLowerCase().replaceAll(' ', '-'),
    title: `Rocky Linux ${major} "${codename}"`,
    endOfLife: { full, lts },
    installer: anaconda(major),
    media: [medium(major, 'minimal'), medium(major, 'boot')],
    cloudImages: [genericCloud(major)],
    guest: enterpriseGuest('rocky'),
  };
}

export const rocky: Distro = {
  id: 'rocky',
  title: 'Rocky Linux',
  osReleaseId: 'rocky',
  family: 'dnf',
  arches: { amd64: 'x86_64' },
  releases: [
    release('8', 'Green Obsidian', '2024-05-31', '2029-05-31'),
    release('9', 'Blue Onyx', '2027-05-31', '2032-05-31'),
    release('10', 'Red Quartz', '2030-05-31', '2035-05-31'),
  ],
};
