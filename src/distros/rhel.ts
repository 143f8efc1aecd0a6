import type { Distro } from '../model/distro.ts';
import { anaconda, enterpriseGuest } from './shared/enterprise-linux.ts';

/** Red Hat Enterprise Linux: facts only. Media and packages are had with a subscription of one's own. */
export const rhel: Distro = {
  id: 'rhel',
  title: 'Red Hat Enterprise Linux',
  osReleaseId: 'rhel',
  family: 'dnf',
  arches: { amd64: 'x86_64' },
  subscription:
    'Red Hat gives its media and images only to those who have a subscription: fetch one at https://access.redhat.com/downloads and name the file',
  releases: [
    {
      id: '9',
      codename: 'plow',
      title: 'Red Hat Enterprise Linux 9 "Plow"',
      endOfLife: { full: '2027-05-31', lts: '2032-05-31' },
      installer: anaconda('9'),
      media: [],
      cloudImages: [],
      guest: enterpriseGuest('cloud-user'),
    },
  ],
};
