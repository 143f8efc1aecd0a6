import type { RootfsCheck } from '../model/check.ts';
import { allFiles, failures } from './shared/all-files.ts';

const rules = /^\/etc\/udev\/rules\.d\/(70-persistent-(net|cd)|75-persistent-net-generator|75-cloud-ifupdown)\.rules$/;
const configured =
  /^\/etc\/(netplan\/|network\/interfaces|systemd\/(network\/|networkd\.conf)|NetworkManager\/system-connections\/|udev\/rules\.d\/|sysconfig\/network|dhcp)/;
const duids = /^\/(etc\/dhcpcd\.duid|var\/lib\/dhcpcd?\/duid|etc\/dhcp\/duid)$/;
const mac = /(?<![0-9a-f:])[0-9a-f]{2}(:[0-9a-f]{2}){5}(?![0-9a-f:])/i;
const identity = /^\s*(DUIDRawData|uuid|cloned-mac-address|dhcp-duid|send dhcp-client-identifier)\b.*\d/im;
/** No configuration that people write is longer. */
const maxSize = 2 ** 20;

export const networkNamesGeneric: RootfsCheck = {
  id: 'network-names-generic',
  title: 'The network configuration names no network card of one machine',
  on: 'rootfs',
  async run({ rootfs }) {
    const faults: string[] = [];
    for (const { path, type, size } of await allFiles(rootfs)) {
      if (type === 'directory') continue;
      // A link to /dev/null switches such rules off.
      if (duids.test(path) || (rules.test(path) && type === 'file')) faults.push(`${path} belongs to one machine`);
      else if (type === 'file' && configured.test(path) && size <= maxSize) {
        const text = (await rootfs.readText(path)) ?? '';
        if (mac.test(text)) faults.push(`${path} names a hardware address`);
        else if (identity.test(text)) faults.push(`${path} names an identity of one machine`);
      }
    }
    return failures(faults);
  },
};
