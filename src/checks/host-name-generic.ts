import type { RootfsCheck } from '../model/check.ts';
import { failures } from './shared/all-files.ts';
import { statements } from './shared/config-text.ts';

const localAddress = /^(127\.|::1$|fe00::|ff0[0-9]::)/;
const localName = /^(localhost([46])?(\.localdomain([46])?)?|ip6-[a-z]+|debian)$/;

export const hostNameGeneric: RootfsCheck = {
  id: 'host-name-generic',
  title: 'Host name, hosts and resolvers are not those of the machine that built the image',
  on: 'rootfs',
  async run({ rootfs }) {
    const faults: string[] = [];
    const name = ((await rootfs.readText('/etc/hostname')) ?? '').trim();
    if (name !== '' && !localName.test(name)) faults.push(`/etc/hostname says "${name}"`);
    for (const line of statements((await rootfs.readText('/etc/hosts')) ?? '')) {
      const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
      const foreign = localAddress.test(address) ? names.filter((entry) => !localName.test(entry)) : names;
      if (foreign.length > 0) faults.push(`/etc/hosts gives ${address} the name ${foreign.join(', ')}`);
    }
    const resolver = await rootfs.stat('/etc/resolv.conf');
    if (resolver && resolver.type !== 'symlink' && resolver.size > 0)
      faults.push('/etc/resolv.conf names resolvers of the build');
    const mail = ((await rootfs.readText('/etc/mailname')) ?? '').trim();
    if (mail !== '' && !localName.test(mail)) faults.push(`/etc/mailname says "${mail}"`);
    return failures(faults);
  },
};
