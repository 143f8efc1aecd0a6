import type { ErrorCode } from '../../util/errors.ts';

/** What Packer and its plugins say when they fail, and what it means. docs/packer-errors.md is written from this table. */
export interface PackerCause {
  /** `ssh-timeout` */
  id: string;
  pattern: RegExp;
  /** A plain sentence. */
  cause: string;
  /** What to do, as a sentence. */
  todo: string;
  code: ErrorCode;
  /** Whether the same run may succeed when it is simply done again. */
  retry: boolean;
  /** Where these words stand: in the source of the program that says them, in its maker's reference, or in a report of somebody who saw them. */
  source: string;
}

/** The more special ones first: the first that matches any line of a run tells its cause. */
export const packerCauses: PackerCause[] = [
  {
    id: 'console-race',
    pattern: /error parsing ProtocolVersion/i,
    cause:
      'The XenServer plugin reads the answer of the host and the first bytes of the screen in one piece, and loses when they come in another rhythm; an error page of the host has the same effect.',
    todo: 'A retry may help. Better: let nothing be typed (answers on a volume, or a repacked medium), so that the screen is not needed.',
    code: 'TARGET_FAILED',
    retry: true,
    source:
      'vatesfr/packer-plugin-xenserver#38; github.com/mitchellh/go-vnc, parseProtocolVersion; step_type_boot_command.go of the plugin',
  },
  {
    id: 'console-limit',
    pattern: /503 Connection Limit Exceeded/i,
    cause: 'The host gives no further viewer the screen of this machine.',
    todo: 'Close the screen in Xen Orchestra, or set limit_console_sessions of the pool to false.',
    code: 'TARGET_FAILED',
    retry: true,
    source: 'xapi-project/xen-api, ocaml/xapi/console.ml',
  },
  {
    id: 'vnc-handshake',
    pattern: /Error (handshaking with VNC|establishing VNC session|connecting to VNC)/i,
    cause: 'The screen of the machine cannot be reached, so nothing can be typed.',
    todo: 'Check that the host lets VNC through (vSphere 6.7 and newer does not: use vsphere-iso, which types over USB).',
    code: 'TARGET_FAILED',
    retry: false,
    source: 'packer-plugin-qemu and vatesfr/packer-plugin-xenserver, step_type_boot_command.go',
  },
  {
    id: 'storage-full',
    pattern:
      /SR_BACKEND_FAILURE_44|SR_FULL|There is insufficient space|insufficient available space on the datastore|Insufficient disk space on datastore/i,
    cause: 'The storage of the platform is full.',
    todo: 'Free space in the storage repository or datastore, or name another one.',
    code: 'TARGET_FULL',
    retry: false,
    source:
      'xapi-project/xen-api, XE_SR_ERRORCODES.xml and api_errors.ml; jetbrains-infra/packer-builder-vsphere#147; ansible-collections/vmware.vmware_rest#299',
  },
  {
    id: 'host-disk-full',
    pattern: /no space left on device/i,
    cause: 'The disk of the machine that runs Packer, or of the machine being built, is full.',
    todo: 'Free some space (gabarit cache prune), or make disk.size larger if it was the machine being built.',
    code: 'DISK_FULL',
    retry: false,
    source: 'hashicorp/packer#5145',
  },
  {
    id: 'no-hosts',
    pattern: /NO_HOSTS_AVAILABLE|HOST_NOT_ENOUGH_FREE_MEMORY|No host is compatible with the virtual machine/i,
    cause: 'No host of the platform has room for the machine that builds.',
    todo: 'Give it less memory (memoryMiB), or free some on the hosts.',
    code: 'TARGET_FULL',
    retry: true,
    source:
      'xenserver/packer-plugin-xenserver#96; xapi-project/xen-api, api_errors.ml; jetbrains-infra/packer-builder-vsphere#154',
  },
  {
    id: 'quota',
    pattern: /VcpuLimitExceeded|InstanceLimitExceeded|QuotaExceeded|exceeding (approved|quota)|Quota '?\w*'? ?exceeded/i,
    cause: 'A quota of the account does not allow another machine.',
    todo: 'Ask for more, stop machines, or use a smaller one.',
    code: 'TARGET_FULL',
    retry: false,
    source:
      'Error codes for the Amazon EC2 API; MicrosoftDocs/azure-docs (resource quota errors); Compute Engine: words in public reports',
  },
  {
    id: 'no-capacity',
    pattern:
      /InsufficientInstanceCapacity|ZONE_RESOURCE_POOL_EXHAUSTED|SkuNotAvailable|AllocationFailed|No valid host was found/i,
    cause: 'The cloud has no machine of this kind left in this place.',
    todo: 'Try again later, in another zone, or with another kind of machine.',
    code: 'TARGET_FULL',
    retry: true,
    source:
      'Error codes for the Amazon EC2 API; MicrosoftDocs/azure-docs (common deployment errors); Compute Engine: Troubleshoot resource availability errors; OpenStack: docker/machine#1261',
  },
  {
    id: 'authentication',
    pattern:
      /SESSION_AUTHENTICATION_FAILED|incorrect user name or password|AuthFailure|InvalidClientTokenId|AADSTS\d+|invalid_client|401 no ticket|NoCredentialProviders|could not find default credentials/i,
    cause: 'The platform does not accept the user or the password.',
    todo: 'Check the user in the definition, and the secret in PKR_VAR_...; nothing was made.',
    code: 'TARGET_DENIED',
    retry: false,
    source:
      'xapi-project/xen-api, api_errors.ml; rancher/rancher#21880 (vSphere); Error codes for the Amazon EC2 API; aws-sdk-go, chain_provider.go; Azure/sap-automation#418; golang.org/x/oauth2, google/default.go; Telmate/terraform-provider-proxmox#142',
  },
  {
    id: 'not-allowed',
    pattern:
      /UnauthorizedOperation|AuthorizationFailed|NoPermission|Permission to perform this operation was denied|RBAC_PERMISSION_DENIED|403 Permission check failed/i,
    cause: 'The user is known to the platform, but may not do this.',
    todo: "Give the user the rights that the plugin's documentation lists.",
    code: 'TARGET_DENIED',
    retry: false,
    source:
      'Error codes for the Amazon EC2 API; MicrosoftDocs/azure-docs (common deployment errors); xapi-project/xen-api, api_errors.ml; thebsdbox/vctui#15 (vSphere); hashicorp/packer-plugin-proxmox#213',
  },
  {
    id: 'name-taken',
    pattern:
      /already exists, (you can )?use (the )?-force|already exists in the resource group|InvalidAMIName\.Duplicate|is used by an existing AMI|DUPLICATE_VM/i,
    cause: 'The platform has a machine, template or image of this name already.',
    todo: 'Remove or rename it there, or change the name of the template. Gabarit never overwrites.',
    code: 'CONFLICT',
    retry: false,
    source:
      'packer-plugin-vsphere, driver/vm.go; packer-plugin-azure, arm/builder.go; packer-plugin-amazon, step_pre_validate.go; Error codes for the Amazon EC2 API; xapi-project/xen-api, api_errors.ml',
  },
  {
    id: 'proxmox-lock',
    pattern: /can't lock file '\/var\/lock\/qemu-server/i,
    cause: 'Proxmox is still busy with the machine.',
    todo: 'It goes away by itself; if it does not, look for a task of that machine that hangs.',
    code: 'TARGET_FAILED',
    retry: true,
    source: 'hashicorp/packer-plugin-proxmox#290',
  },
  {
    id: 'vm-running',
    pattern: /VM \d+ already running/i,
    cause: 'Proxmox has started the machine, and is asked to start it again.',
    todo: 'A newer plugin (1.1 and up) asks first.',
    code: 'TARGET_FAILED',
    retry: true,
    source: 'hashicorp/packer#12128',
  },
  {
    id: 'checksum',
    pattern: /Checksums did not match/i,
    cause: 'The medium is not the one whose digest was given.',
    todo: 'The vendor may have published a new one: plan again. Nothing of it was used.',
    code: 'DIGEST_MISMATCH',
    retry: false,
    source: 'hashicorp/go-getter, checksum.go',
  },
  {
    id: 'medium-missing',
    pattern: /bad response code: (404|403)|error downloading ISO|source path error: stat/i,
    cause: 'The medium cannot be had from where it should lie.',
    todo: 'Check its address; vendors move old releases into their archive.',
    code: 'NOT_FOUND',
    retry: false,
    source: 'packer-plugin-sdk, step_download.go; hashicorp/go-getter, get_http.go and get_file.go',
  },
  {
    id: 'plugin-missing',
    pattern:
      /Unknown (builder|source type) \S+|Missing plugins|plugins are required, but not installed|is unknown by Packer, and is likely part of a plugin|Did you run packer init/i,
    cause: 'Packer has no plugin for this builder.',
    todo: 'Run "packer init ." in the exported folder (Packer 1.7 and newer); Packer 1.6 cannot load plugins by itself.',
    code: 'TOOL_MISSING',
    retry: false,
    source: 'hashicorp/packer, hcl2template/plugin.go and packer/maps.go; said here by Packer 1.6.6',
  },
  {
    id: 'plugin-protocol',
    pattern:
      /Incompatible API (MAJOR )?version with plugin|The protocol of this plugin|unsupported remote protocol (MAJOR|MINOR) version/i,
    cause: 'The plugin and Packer are of different ages.',
    todo: 'Bring both to a current version.',
    code: 'HOST_NOT_READY',
    retry: false,
    source: 'hashicorp/packer, packer/plugin_client.go (1.6.6: packer/plugin/client.go) and plugin-getter/plugins.go',
  },
  {
    id: 'qemu-missing',
    pattern: /Failed creating Qemu driver|exec: "?(qemu-\S+?)"?: executable file not found/i,
    cause: 'QEMU is not installed, or not on the PATH.',
    todo: 'Install it: apt-get install qemu-system-x86 qemu-utils',
    code: 'TOOL_MISSING',
    retry: false,
    source: 'packer-plugin-qemu, builder.go; Go, os/exec',
  },
  {
    id: 'iso-tool-missing',
    pattern: /could not find a supported CD ISO creation command/i,
    cause: 'Packer finds no tool to write the volume with the answers.',
    todo: 'Install one: apt-get install xorriso',
    code: 'TOOL_MISSING',
    retry: false,
    source: 'packer-plugin-sdk, step_create_cdrom.go',
  },
  {
    id: 'no-kvm',
    pattern: /Could not access KVM kernel module|failed to initialize kvm|invalid accelerator kvm/i,
    cause: 'QEMU cannot use KVM on this host.',
    todo: 'Add the user to the group kvm and load the module (gabarit doctor tells), or set accelerator: tcg (slow).',
    code: 'HOST_NOT_READY',
    retry: false,
    source: "QEMU, accel/kvm/kvm-all.c and accel/accel-softmmu.c, as in Debian's 7.2",
  },
  {
    id: 'shrink',
    pattern: /Use the --shrink option to perform a shrink operation/i,
    cause: 'The image to begin with is larger than the disk that the definition wants.',
    todo: 'Make disk.size at least as large as the image.',
    code: 'TEMPLATE_INVALID',
    retry: false,
    source: 'QEMU, qemu-img.c; canonical/packer-maas#322',
  },
  {
    id: 'qemu-failed',
    pattern: /Qemu failed to start/i,
    cause: 'QEMU ended at once.',
    todo: 'Its own words are in the log (gabarit build -v).',
    code: 'BUILD_FAILED',
    retry: false,
    source: 'packer-plugin-qemu, driver.go',
  },
  {
    id: 'port',
    pattern: /Error finding (VNC )?port|Could not set up host forwarding rule/i,
    cause: 'No port was free for the machine.',
    todo: 'Widen hostPortMin and hostPortMax, or end what holds the ports.',
    code: 'HOST_NOT_READY',
    retry: true,
    source:
      'packer-plugin-qemu, step_port_forward.go and step_configure_vnc.go; packer-plugin-sdk, step_http_server.go; QEMU, net/slirp.c',
  },
  {
    id: 'output-exists',
    pattern: /Output directory '.*' already exists/i,
    cause: 'The folder for the result is there already.',
    todo: 'Remove it; prepare.sh of an exported folder does so.',
    code: 'CONFLICT',
    retry: false,
    source: 'packer-plugin-qemu, config.go',
  },
  {
    id: 'ssh-authentication',
    pattern: /ssh: handshake failed: ssh: unable to authenticate|Error detecting local IP: ssh: handshake failed/i,
    cause: 'SSH answers, but does not accept the key of the build.',
    todo: 'The image did not read its seed or answers: look at serial.log, and keep the machine for a look (--on-error keep).',
    code: 'BUILD_FAILED',
    retry: false,
    source:
      'golang.org/x/crypto/ssh, client_auth.go; xenserver/packer-plugin-xenserver#81; step_type_boot_command.go of vatesfr/packer-plugin-xenserver',
  },
  {
    id: 'ssh-timeout',
    pattern: /Timeout waiting for SSH|timeout waiting for IP|Timeout waiting for IP/i,
    cause: 'The machine was started, but never answered by SSH.',
    todo: 'It may need longer (sshTimeoutMinutes, above all without KVM), or has no network or no seed: look at serial.log, or keep it (--on-error keep).',
    code: 'TIMEOUT',
    retry: false,
    source: 'packer-plugin-sdk, step_connect_ssh.go; packer-plugin-vsphere, step_wait_for_ip.go',
  },
  {
    id: 'ssh-lost',
    pattern: /Script disconnected unexpectedly/i,
    cause: 'The machine closed the connection while a script ran.',
    todo: 'A script that reboots the machine or restarts its network cannot be part of a build.',
    code: 'SCRIPT_FAILED',
    retry: false,
    source: 'hashicorp/packer, provisioner/shell/provisioner.go',
  },
  {
    id: 'script',
    pattern: /Script exited with non-zero exit status|non-zero exit status: \d+/i,
    cause: 'A provisioning script failed.',
    todo: 'Its last words are above. Keep the machine for a look with --on-error keep.',
    code: 'SCRIPT_FAILED',
    retry: false,
    source: 'packer-plugin-sdk, shell/exit_code.go',
  },
  {
    id: 'shutdown-timeout',
    pattern: /Timeout while waiting for machine to shut ?down|Failed to shutdown/i,
    cause: 'The machine did not switch off.',
    todo: 'Keep it for a look (--on-error keep); the last script (99-finish.sh) stops it.',
    code: 'TIMEOUT',
    retry: false,
    source: 'packer-plugin-qemu, step_shutdown.go; packer-plugin-vsphere, driver/vm.go',
  },
  {
    id: 'variable-unset',
    pattern: /Unset variable "?([\w-]+)"?|A used variable must be set/i,
    cause: 'A variable has no value.',
    todo: 'Set it in site.pkrvars.json, or PKR_VAR_NAME for a secret.',
    code: 'USAGE',
    retry: false,
    source: 'hashicorp/packer, hcl2template/types.variables.go; said here by Packer 1.6.6',
  },
  {
    id: 'template-invalid',
    pattern: /Extraneous JSON object property|No argument or block type is named|Unsupported (argument|block type)/i,
    cause: 'This version of Packer or of its plugin does not know a setting.',
    todo: 'Export for its version: gabarit packer export NAME --packer 1.6 or current.',
    code: 'HOST_NOT_READY',
    retry: false,
    source: 'hashicorp/hcl, json/structure.go; said here by Packer 1.6.6',
  },
  {
    id: 'tls',
    pattern: /x509: certificate (signed by unknown authority|is valid for|has expired)/i,
    cause: "The platform's certificate cannot be trusted.",
    todo: 'Add its authority to those that the host trusts.',
    code: 'TLS_UNTRUSTED',
    retry: false,
    source: 'Go, crypto/x509/verify.go',
  },
  {
    id: 'unreachable',
    pattern:
      /dial tcp.*(connection refused|i\/o timeout|no route to host|no such host)|TLS handshake timeout|connection reset by peer/i,
    cause: 'The platform cannot be reached.',
    todo: 'Check its name, the network and the firewall.',
    code: 'TARGET_UNREACHABLE',
    retry: true,
    source: 'Go, net and net/http/transport.go',
  },
];

/** The cause that a run's words tell: the most special one that any line shows. */
export function causeOf(lines: readonly string[]): PackerCause | undefined {
  return packerCauses.find(({ pattern }) => lines.some((line) => pattern.test(line)));
}
