import { fileCheck } from './shared/all-files.ts';

const folders =
  /^\/var\/(lib\/apt\/lists|cache\/(apt|dnf|yum|libdnf5|zypp|PackageKit|man|ldconfig|fontconfig|debconf)|lib\/apt\/periodic)\//;
const kept = /^\/var\/cache\/(debconf\/(config|templates|passwords)\.dat|man\/(CACHEDIR\.TAG|.*index\.db))$/;

/** What apt, dnf, zypper, man and others can make again. */
export const packageCachesEmpty = fileCheck(
  'package-caches-empty',
  'Caches of packages and their lists are empty',
  ({ path, type, size }) => {
    if (type === 'directory' || !folders.test(path) || kept.test(path)) return undefined;
    const isLock = path.endsWith('/lock') && size === 0;
    return isLock ? undefined : `${path} is a cache (${size} bytes)`;
  },
);
