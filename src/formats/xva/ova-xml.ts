import { firmwareOf, type VmDescription } from '../../model/vm-description.ts';
import { xenMemory, xenPlatform, xenRecommendations } from '../../model/xen-machine.ts';
import { derivedUuid } from '../../util/digest.ts';
import { type XmlRpcValue, xmlRpc } from './xml-rpc.ts';

/**
 * `ova.xml`: the records of VM, disks, storage, cards and networks, as XAPI writes them on export. Every host since XenServer 7 and
 * XCP-ng 7 takes it: xapi 1.20, checksums beside the blocks (`export_vsn` 2). Fields that newer hosts have besides get their defaults there.
 */

const nullRef = 'OpaqueRef:NULL';
/** The network of a host's first card, as XCP-ng and XenServer call it. */
const usualNetwork = { name: 'Pool-wide network associated with eth0', bridge: 'xenbr0' };
const epoch = new Date(0);
const none = { map: {} };

export interface XvaDisk {
  /** `Ref:010`: also the name of its folder in the file. */
  id: string;
  /** Bytes: whole MiB. */
  size: number;
  /** Bytes that are there. */
  used: number;
}

interface XapiObject {
  class: string;
  id: string;
  snapshot: Record<string, XmlRpcValue>;
}

/** Hosts take disks in the order of their ids as texts. */
export function refOf(number: number): string {
  return `Ref:${String(number).padStart(3, '0')}`;
}

/** The ids of so many disks: after those of VM and storage. */
export function diskIds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => refOf(10 + index));
}

/** The whole document. The same description and disks give the same text. */
export function ovaXml(vm: VmDescription, disks: readonly XvaDisk[]): string {
  const uuid = (what: string): string => derivedUuid(`${vm.digest}\0${vm.name}\0${vm.version}`, `xva ${what}`);
  const [vmRef, srRef] = [refOf(0), refOf(1)];
  const vbds = disks.map(
    (disk, index): XapiObject => ({
      class: 'VBD',
      id: refOf(300 + index),
      snapshot: vbdRecord(uuid(`vbd ${index}`), vmRef, disk.id, index),
    }),
  );
  const vdis = disks.map(
    (disk, index): XapiObject => ({
      class: 'VDI',
      id: disk.id,
      snapshot: vdiRecord(uuid(`vdi ${index}`), vm, disk, index, srRef, vbds[index]?.id ?? nullRef),
    }),
  );
  const cards = vm.networks?.map((name) => ({ name, bridge: '' })) ?? [usualNetwork];
  const vifs = cards.map(
    (_, index): XapiObject => ({
      class: 'VIF',
      id: refOf(600 + index),
      snapshot: vifRecord(uuid(`vif ${index}`), vmRef, refOf(700 + index), index),
    }),
  );
  const networks = cards.map(
    ({ name, bridge }, index): XapiObject => ({
      class: 'network',
      id: refOf(700 + index),
      snapshot: networkRecord(uuid(`network ${index}`), name, bridge, vifs[index]?.id ?? nullRef),
    }),
  );
  const ids = (objects: XapiObject[]): string[] => objects.map(({ id }) => id);
  const objects: XapiObject[] = [
    { class: 'VM', id: vmRef, snapshot: vmRecord(uuid, vm, ids(vbds), ids(vifs)) },
    { class: 'SR', id: srRef, snapshot: srRecord(uuid('sr'), ids(vdis)) },
    ...vdis,
    ...vbds,
    ...vifs,
    ...networks,
  ];
  return xmlRpc({
    map: {
      version: {
        map: {
          hostname: 'gabarit',
          date: new Date(vm.time * 1000).toISOString().slice(0, 10),
          product_version: '8.2.1',
          product_brand: 'XCP-ng',
          build_number: 'gabarit',
          xapi_major: 1,
          xapi_minor: 20,
          export_vsn: 2,
        },
      },
      objects: objects.map(({ class: kind, id, snapshot }) => ({ map: { class: kind, id, snapshot: { map: snapshot } } })),
    },
  });
}

function vmRecord(
  uuid: (what: string) => string,
  vm: VmDescription,
  vbds: string[],
  vifs: string[],
): Record<string, XmlRpcValue> {
  const firmware = firmwareOf(vm);
  const memory = xenMemory(vm);
  return {
    uuid: uuid('vm'),
    allowed_operations: [],
    current_operations: none,
    power_state: 'Halted',
    name_label: vm.name,
    name_description: vm.description,
    user_version: 1,
    is_a_template: vm.isTemplate,
    is_default_template: false,
    suspend_VDI: nullRef,
    resident_on: nullRef,
    scheduled_to_be_resident_on: nullRef,
    affinity: nullRef,
    memory_overhead: 0,
    memory_target: memory.memory_static_max,
    ...memory,
    VCPUs_params: none,
    VCPUs_max: vm.cpus,
    VCPUs_at_startup: vm.cpus,
    actions_after_shutdown: 'destroy',
    actions_after_reboot: 'restart',
    actions_after_crash: 'restart',
    consoles: [],
    VIFs: vifs,
    VBDs: vbds,
    VUSBs: [],
    crash_dumps: [],
    VTPMs: [],
    PV_bootloader: '',
    PV_kernel: '',
    PV_ramdisk: '',
    PV_args: '',
    PV_bootloader_args: '',
    PV_legacy_args: '',
    HVM_boot_policy: 'BIOS order',
    HVM_boot_params: { map: { firmware, order: 'cdn' } },
    HVM_shadow_multiplier: { double: 1 },
    platform: { map: xenPlatform(vm) },
    PCI_bus: '',
    other_config: {
      map: {
        base_template_name: 'Other install media',
        mac_seed: uuid('mac seed'),
        'gabarit:template': vm.name,
        'gabarit:version': vm.version,
        'gabarit:digest': vm.digest,
        'gabarit:os': vm.os.title,
        ...vm.marks,
      },
    },
    domid: -1,
    domarch: '',
    last_boot_CPU_flags: none,
    is_control_domain: false,
    metrics: nullRef,
    guest_metrics: nullRef,
    last_booted_record: '',
    recommendations: xenRecommendations(),
    xenstore_data: none,
    ha_always_run: false,
    ha_restart_priority: '',
    is_a_snapshot: false,
    snapshot_of: nullRef,
    snapshots: [],
    snapshot_time: epoch,
    transportable_snapshot_id: '',
    blobs: none,
    tags: tagsOf(vm),
    blocked_operations: none,
    snapshot_info: none,
    snapshot_metadata: '',
    parent: nullRef,
    children: [],
    bios_strings: none,
    protection_policy: nullRef,
    is_snapshot_from_vmpp: false,
    snapshot_schedule: nullRef,
    is_vmss_snapshot: false,
    appliance: nullRef,
    start_delay: 0,
    shutdown_delay: 0,
    order: 0,
    VGPUs: [],
    attached_PCIs: [],
    suspend_SR: nullRef,
    version: 0,
    generation_id: '',
    hardware_platform_version: 0,
    has_vendor_device: false,
    requires_reboot: false,
    reference_label: 'other-install-media',
    domain_type: 'hvm',
    // Empty: the host fills in the keys of its pool when the machine first starts, and needs nothing else for Secure Boot.
    NVRAM: none,
  };
}

function tagsOf({ name, version, tags }: VmDescription): readonly string[] {
  return tags ?? ['gabarit', `gabarit:${name}`, ...(version === '' ? [] : [`gabarit:${name}:${version}`])];
}

function vdiRecord(
  uuid: string,
  vm: VmDescription,
  disk: XvaDisk,
  index: number,
  sr: string,
  vbd: string,
): Record<string, XmlRpcValue> {
  return {
    uuid,
    name_label: index === 0 ? vm.name : `${vm.name} ${index}`,
    name_description: vm.description,
    allowed_operations: [],
    current_operations: none,
    SR: sr,
    VBDs: [vbd],
    crash_dumps: [],
    virtual_size: disk.size,
    physical_utilisation: disk.used,
    type: 'user',
    sharable: false,
    read_only: false,
    other_config: { map: vm.marks ?? {} },
    storage_lock: false,
    location: uuid,
    managed: true,
    missing: false,
    parent: nullRef,
    xenstore_data: none,
    sm_config: none,
    is_a_snapshot: false,
    snapshot_of: nullRef,
    snapshots: [],
    snapshot_time: epoch,
    tags: [],
    allow_caching: false,
    on_boot: 'persist',
    metadata_of_pool: nullRef,
    metadata_latest: false,
    is_tools_iso: false,
    cbt_enabled: false,
  };
}

/** `xvda`, `xvdb` … `xvdz`, then `xvdaa`. */
function deviceName(index: number): string {
  const letter = String.fromCharCode(97 + (index % 26));
  return index < 26 ? `xvd${letter}` : `xvd${String.fromCharCode(96 + Math.floor(index / 26))}${letter}`;
}

function vbdRecord(uuid: string, vm: string, vdi: string, index: number): Record<string, XmlRpcValue> {
  return {
    uuid,
    allowed_operations: [],
    current_operations: none,
    VM: vm,
    VDI: vdi,
    device: deviceName(index),
    userdevice: index,
    bootable: index === 0,
    mode: 'RW',
    type: 'Disk',
    unpluggable: index > 0,
    storage_lock: false,
    empty: false,
    other_config: { map: { owner: '' } },
    ...unattached,
    metrics: nullRef,
  };
}

const unattached = {
  currently_attached: false,
  status_code: 0,
  status_detail: '',
  runtime_properties: none,
  qos_algorithm_type: '',
  qos_algorithm_params: none,
  qos_supported_algorithms: [],
};

function vifRecord(uuid: string, vm: string, network: string, index: number): Record<string, XmlRpcValue> {
  return {
    uuid,
    allowed_operations: [],
    current_operations: none,
    device: index,
    network,
    VM: vm,
    MAC: '',
    MTU: 1500,
    other_config: none,
    ...unattached,
    metrics: nullRef,
    MAC_autogenerated: true,
    locking_mode: 'network_default',
    ipv4_allowed: [],
    ipv6_allowed: [],
    ipv4_configuration_mode: 'None',
    ipv4_addresses: [],
    ipv4_gateway: '',
    ipv6_configuration_mode: 'None',
    ipv6_addresses: [],
    ipv6_gateway: '',
  };
}

function networkRecord(uuid: string, name: string, bridge: string, vif: string): Record<string, XmlRpcValue> {
  return {
    uuid,
    name_label: name,
    name_description: '',
    allowed_operations: [],
    current_operations: none,
    VIFs: [vif],
    PIFs: [],
    MTU: 1500,
    other_config: none,
    bridge,
    managed: true,
    blobs: none,
    tags: [],
    default_locking_mode: 'unlocked',
    assigned_ips: none,
    purpose: [],
  };
}

function srRecord(uuid: string, vdis: string[]): Record<string, XmlRpcValue> {
  return {
    uuid,
    name_label: 'gabarit',
    name_description: '',
    allowed_operations: [],
    current_operations: none,
    VDIs: vdis,
    PBDs: [],
    virtual_allocation: 0,
    physical_utilisation: 0,
    physical_size: 0,
    type: 'nfs',
    content_type: 'user',
    shared: false,
    other_config: none,
    tags: [],
    sm_config: none,
    blobs: none,
    local_cache_enabled: false,
    introduced_by: nullRef,
    clustered: false,
    is_tools_sr: false,
    default_vdi_visibility: true,
  };
}
