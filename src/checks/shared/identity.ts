import type { Guest } from '../../model/check.ts';

/** What makes one machine itself; it must differ between clones, and stay from boot to boot. */
export interface Identity {
  machineId: string;
  hostKeys: string;
  hostname: string;
  dhcpId: string;
  /** A digest of the seed of the random numbers, which changes with every boot. */
  randomSeed: string;
  instanceId: string;
}

/** The DHCP client's identifier from whatever client there is: networkd's lease (type and interface taken off), dhclient, dhcpcd. */
const dhcpId = `{ sed -n 's/^CLIENTID=ff......../ /p; s/^CLIENTID=01/mac-/p' /run/systemd/netif/leases/*; grep -hs default-duid /var/lib/dhcp/*; cat /var/lib/dhcpcd/duid; } 2>/dev/null | sort -u | tr -d ' \\n'`;

/** Reads it all in one command, the host keys from outside. */
export async function identityOf(guest: Guest): Promise<Identity> {
  const { stdout } = await guest.run(
    `cat /etc/machine-id; hostname; echo "$(${dhcpId})"; sha256sum < /var/lib/systemd/random-seed; cat /var/lib/cloud/data/instance-id`,
  );
  const [machineId = '', hostname = '', dhcp = '', randomSeed = '', instanceId = ''] = stdout
    .split('\n')
    .map((line) => line.trim());
  return {
    machineId,
    hostname,
    dhcpId: dhcp,
    randomSeed: randomSeed.replace(/ .*/, ''),
    instanceId,
    hostKeys: (await guest.hostKeys()).join('\n'),
  };
}

/** Words for people. */
export const identityTitles: Record<keyof Identity, string> = {
  machineId: 'machine-id',
  hostKeys: 'SSH host keys',
  hostname: 'host name',
  dhcpId: 'DHCP identifier (DUID)',
  randomSeed: 'random seed',
  instanceId: "cloud-init's instance id",
};
