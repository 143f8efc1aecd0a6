import type { Value } from './xml.ts';

export type Kind = 'string' | 'int' | 'bool' | 'float' | 'ref' | 'set' | 'map';

export interface Field {
  kind: Kind;
  initial: Value;
  /** XAPI has no default for it: an import whose `ova.xml` lacks it fails. */
  must: boolean;
  /** May be set by a client with `set_*`, `add_to_*`, `add_*`. */
  writable: boolean;
}

export const nullRef = 'OpaqueRef:NULL';

const initials: Record<Kind, Value> = { string: '', int: '0', bool: false, float: 0, ref: nullRef, set: [], map: {} };

/** Written as `name:kind`, `!` when an import must have it, `=` when a client may set it, and a value other than the kind's usual. */
function fields(text: string): Record<string, Field> {
  return Object.fromEntries(
    text
      .trim()
      .split(/\s+/)
      .map((item) => {
        const match = /^(\w+):(\w+)([!=]*)(?:\((.*)\))?$/.exec(item);
        const kind = match?.[2] as Kind;
        const flags = match?.[3] ?? '';
        const given = match?.[4];
        const initial = given === undefined ? initials[kind] : kind === 'bool' ? given === 'true' : given;
        if (kind === 'float')
          return [match?.[1] ?? item, { kind, initial: Number(initial), must: false, writable: flags.includes('=') }];
        return [match?.[1] ?? item, { kind, initial, must: flags.includes('!'), writable: flags.includes('=') }];
      }),
  );
}

const named = 'uuid:string name_label:string= name_description:string= ';

/**
 * The classes of XAPI that there are here, with their fields. What is mandatory in an import follows XAPI's data model: fields
 * without a default there.
 */
export const classes: Record<string, Record<string, Field>> = {
  pool: fields(`${named} master:ref default_SR:ref= suspend_image_SR:ref= crash_dump_SR:ref= other_config:map= tags:set=
    ha_enabled:bool ha_configuration:map gui_config:map= restrictions:map limit_console_sessions:bool`),
  host: fields(`${named} address:string hostname:string enabled:bool(true) memory_overhead:int API_version_major:int
    API_version_minor:int API_version_vendor:string(XenSource) software_version:map other_config:map= capabilities:set cpu_info:map
    PBDs:set PIFs:set resident_VMs:set metrics:ref tags:set= license_params:map`),
  SR: fields(`${named} type:string!(ext) content_type:string!(user) shared:bool! physical_size:int! physical_utilisation:int!
    virtual_allocation:int! VDIs:set PBDs:set other_config:map!= sm_config:map= tags:set= default_vdi_visibility:bool!(true)
    allowed_operations:set current_operations:map is_tools_sr:bool introduced_by:ref local_cache_enabled:bool`),
  PBD: fields('uuid:string host:ref SR:ref device_config:map currently_attached:bool(true) other_config:map='),
  network:
    fields(`${named} bridge:string MTU:int=(1500) VIFs:set PIFs:set other_config:map!= tags:set= managed:bool(true) blobs:map
    allowed_operations:set current_operations:map default_locking_mode:string(unlocked) purpose:set assigned_ips:map`),
  VM: fields(`${named} allowed_operations:set current_operations:map power_state:string(Halted) user_version:int!=(1)
    is_a_template:bool!= is_default_template:bool suspend_VDI:ref resident_on:ref! scheduled_to_be_resident_on:ref affinity:ref!=
    memory_overhead:int memory_target:int! memory_static_max:int!= memory_dynamic_max:int!= memory_dynamic_min:int!=
    memory_static_min:int!= VCPUs_params:map!= VCPUs_max:int!= VCPUs_at_startup:int!= actions_after_softreboot:string(soft_reboot)
    actions_after_shutdown:string!=(destroy) actions_after_reboot:string!=(restart) actions_after_crash:string!=(restart)
    consoles:set VIFs:set VBDs:set VUSBs:set crash_dumps:set VTPMs:set PV_bootloader:string!= PV_kernel:string!= PV_ramdisk:string!=
    PV_args:string!= PV_bootloader_args:string!= PV_legacy_args:string!= HVM_boot_policy:string!= HVM_boot_params:map!=
    HVM_shadow_multiplier:float(1) platform:map!= PCI_bus:string!= other_config:map!= domid:int!(-1) domarch:string!
    last_boot_CPU_flags:map is_control_domain:bool! metrics:ref! guest_metrics:ref! last_booted_record:string recommendations:string!=
    xenstore_data:map= ha_always_run:bool ha_restart_priority:string= is_a_snapshot:bool snapshot_of:ref snapshots:set
    snapshot_time:string(19700101T00:00:00Z) transportable_snapshot_id:string blobs:map tags:set= blocked_operations:map=
    snapshot_info:map snapshot_metadata:string parent:ref children:set bios_strings:map protection_policy:ref
    is_snapshot_from_vmpp:bool snapshot_schedule:ref is_vmss_snapshot:bool appliance:ref start_delay:int shutdown_delay:int order:int
    VGPUs:set attached_PCIs:set suspend_SR:ref= version:int generation_id:string(0:0) hardware_platform_version:int=
    has_vendor_device:bool requires_reboot:bool reference_label:string domain_type:string(unspecified) NVRAM:map=`),
  VM_guest_metrics: fields(`uuid:string os_version:map PV_drivers_version:map PV_drivers_up_to_date:bool memory:map disks:map
    networks:map other:map last_updated:string other_config:map= live:bool`),
  VDI: fields(`${named} allowed_operations:set current_operations:map SR:ref! VBDs:set crash_dumps:set virtual_size:int!
    physical_utilisation:int! type:string!(user) sharable:bool! read_only:bool! other_config:map!= storage_lock:bool! location:string
    managed:bool!(true) missing:bool! parent:ref! xenstore_data:map= sm_config:map= is_a_snapshot:bool snapshot_of:ref snapshots:set
    snapshot_time:string(19700101T00:00:00Z) tags:set= allow_caching:bool on_boot:string(persist) metadata_of_pool:ref
    metadata_latest:bool is_tools_iso:bool cbt_enabled:bool`),
  VBD: fields(`uuid:string allowed_operations:set current_operations:map VM:ref! VDI:ref! device:string userdevice:string!=
    bootable:bool!= mode:string!(RW) type:string!=(Disk) unpluggable:bool=(true) storage_lock:bool! empty:bool! reserved:bool
    other_config:map= currently_attached:bool status_code:int status_detail:string runtime_properties:map qos_algorithm_type:string=
    qos_algorithm_params:map= qos_supported_algorithms:set metrics:ref`),
  VIF: fields(`uuid:string allowed_operations:set current_operations:map device:string! network:ref! VM:ref! MAC:string! MTU:int!
    reserved:bool other_config:map= currently_attached:bool status_code:int status_detail:string runtime_properties:map
    qos_algorithm_type:string= qos_algorithm_params:map= qos_supported_algorithms:set metrics:ref MAC_autogenerated:bool
    locking_mode:string(network_default) ipv4_allowed:set ipv6_allowed:set`),
  console: fields('uuid:string protocol:string(rfb) location:string VM:ref other_config:map= port:int(-1)'),
  task: fields(`${named} allowed_operations:set current_operations:map created:string finished:string(19700101T00:00:00Z)
    status:string(pending) resident_on:ref progress:float= type:string(<none/>) result:string error_info:set other_config:map=
    subtask_of:ref subtasks:set backtrace:string`),
};

/** The kinds of a class that are kept up by themselves: `VM.VBDs` is all VBDs whose `VM` it is. */
export const mirrors: { of: string; field: string; members: string; by: string }[] = [
  { of: 'VM', field: 'VBDs', members: 'VBD', by: 'VM' },
  { of: 'VM', field: 'VIFs', members: 'VIF', by: 'VM' },
  { of: 'VM', field: 'consoles', members: 'console', by: 'VM' },
  { of: 'VDI', field: 'VBDs', members: 'VBD', by: 'VDI' },
  { of: 'SR', field: 'VDIs', members: 'VDI', by: 'SR' },
  { of: 'SR', field: 'PBDs', members: 'PBD', by: 'SR' },
  { of: 'host', field: 'PBDs', members: 'PBD', by: 'host' },
  { of: 'host', field: 'resident_VMs', members: 'VM', by: 'resident_on' },
  { of: 'network', field: 'VIFs', members: 'VIF', by: 'network' },
];
