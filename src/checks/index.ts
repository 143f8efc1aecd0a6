import type { ClonesCheck, GuestCheck, RootfsCheck, UnseededCheck } from '../model/check.ts';
import { backupsAbsent } from './backups-absent.ts';
import { baseSystemChecks } from './base-system.ts';
import { bootFilesPresent } from './boot-files-present.ts';
import { clonesDiffer } from './clones-differ.ts';
import { cloudInitClean } from './cloud-init-clean.ts';
import { cloudInitChecks } from './cloud-init.ts';
import { deviceFilesAbsent } from './device-files-absent.ts';
import { dhcpLeasesAbsent } from './dhcp-leases-absent.ts';
import { fileCapabilitiesKnown } from './file-capabilities-known.ts';
import { filesHaveOwners } from './files-have-owners.ts';
import { freeSpaceZero } from './free-space-zero.ts';
import { guestAgentChecks } from './guest-agents.ts';
import { guestCloudInit } from './guest-cloud-init.ts';
import { guestFirmware } from './guest-firmware.ts';
import { guestHostName } from './guest-host-name.ts';
import { guestIdentity } from './guest-identity.ts';
import { guestKernelArguments } from './guest-kernel-arguments.ts';
import { guestPackages } from './guest-packages.ts';
import { guestPorts } from './guest-ports.ts';
import { guestRootGrown } from './guest-root-grown.ts';
import { guestSecondBoot } from './guest-second-boot.ts';
import { guestSshLogins } from './guest-ssh-logins.ts';
import { guestTimeSync } from './guest-time-sync.ts';
import { guestUnits } from './guest-units.ts';
import { guestUnseeded } from './guest-unseeded.ts';
import { hardeningKernelChecks } from './hardening-kernel.ts';
import { hardeningChecks } from './hardening.ts';
import { historiesAbsent } from './histories-absent.ts';
import { hostKeysAbsent } from './host-keys-absent.ts';
import { hostNameGeneric } from './host-name-generic.ts';
import { initramfsDrivers } from './initramfs-drivers.ts';
import { initramfsGeneric } from './initramfs-generic.ts';
import { kernelArguments } from './kernel-arguments.ts';
import { logsEmpty } from './logs-empty.ts';
import { machineIdEmpty } from './machine-id-empty.ts';
import { networkChecks } from './network.ts';
import { networkNamesGeneric } from './network-names-generic.ts';
import { noBuildUser } from './no-build-user.ts';
import { packageCachesEmpty } from './package-caches-empty.ts';
import { packageDatabaseSane } from './package-database-sane.ts';
import { packageFilesUnchanged } from './package-files-unchanged.ts';
import { packageSources } from './package-sources.ts';
import { packagesAsLocked } from './packages-as-locked.ts';
import { passwordsLocked } from './passwords-locked.ts';
import { randomSeedsAbsent } from './random-seeds-absent.ts';
import { rootIdentity } from './root-identity.ts';
import { secretsAbsent } from './secrets-absent.ts';
import { selinuxLabels } from './selinux-labels.ts';
import { sizeBudget } from './size-budget.ts';
import { sshFoldersEmpty } from './ssh-folders-empty.ts';
import { sshServerChecks } from './ssh-server.ts';
import { storageIdentityAbsent } from './storage-identity-absent.ts';
import { subscriptionAbsent } from './subscription-absent.ts';
import { temporaryFoldersEmpty } from './temporary-folders-empty.ts';
import { worldWritableAbsent } from './world-writable-absent.ts';

/** What is proven on an image's bytes. */
export const rootfsChecks: RootfsCheck[] = [
  backupsAbsent,
  bootFilesPresent,
  cloudInitClean,
  deviceFilesAbsent,
  dhcpLeasesAbsent,
  fileCapabilitiesKnown,
  filesHaveOwners,
  freeSpaceZero,
  historiesAbsent,
  hostKeysAbsent,
  hostNameGeneric,
  initramfsDrivers,
  initramfsGeneric,
  kernelArguments,
  logsEmpty,
  machineIdEmpty,
  networkNamesGeneric,
  noBuildUser,
  packageCachesEmpty,
  packageDatabaseSane,
  packageFilesUnchanged,
  packagesAsLocked,
  passwordsLocked,
  randomSeedsAbsent,
  rootIdentity,
  secretsAbsent,
  selinuxLabels,
  sizeBudget,
  sshFoldersEmpty,
  storageIdentityAbsent,
  subscriptionAbsent,
  temporaryFoldersEmpty,
  worldWritableAbsent,
  ...baseSystemChecks,
  ...networkChecks,
  packageSources,
  ...cloudInitChecks,
  ...guestAgentChecks,
  ...hardeningKernelChecks,
  ...hardeningChecks,
  ...sshServerChecks,
];

/** What is proven on a machine that was started with a seed. */
export const guestChecks: GuestCheck[] = [
  guestCloudInit,
  guestFirmware,
  guestHostName,
  guestIdentity,
  guestKernelArguments,
  guestPackages,
  guestPorts,
  guestRootGrown,
  guestSecondBoot,
  guestSshLogins,
  guestTimeSync,
  guestUnits,
];

/** What is proven on a machine without any seed. */
export const unseededChecks: UnseededCheck[] = [guestUnseeded];

/** What is proven on two machines from the same bytes. */
export const clonesChecks: ClonesCheck[] = [clonesDiffer];
