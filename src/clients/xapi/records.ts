/**
 * XAPI's records as it sends them: integers are decimal strings, dates are strings, a reference to nothing is {@link nullRef}.
 * Only the fields that are of use here; XAPI sends more.
 */

declare const className: unique symbol;

/** A reference to an object of one class (`OpaqueRef:...`). */
export type Ref<C extends string> = string & { readonly [className]: C };

export type PoolRef = Ref<'pool'>;
export type HostRef = Ref<'host'>;
export type SrRef = Ref<'SR'>;
export type VdiRef = Ref<'VDI'>;
export type VbdRef = Ref<'VBD'>;
export type VifRef = Ref<'VIF'>;
export type VmRef = Ref<'VM'>;
export type NetworkRef = Ref<'network'>;
export type TaskRef = Ref<'task'>;
export type ConsoleRef = Ref<'console'>;
export type PbdRef = Ref<'PBD'>;
export type GuestMetricsRef = Ref<'VM_guest_metrics'>;

export const nullRef = 'OpaqueRef:NULL';

type StringMap = Record<string, string>;

interface Named {
  uuid: string;
  name_label: string;
  name_description: string;
}

export interface PoolRecord extends Named {
  master: HostRef;
  default_SR: SrRef;
  other_config: StringMap;
  tags: string[];
}

export interface HostRecord extends Named {
  address: string;
  hostname: string;
  enabled: boolean;
  API_version_major: string;
  API_version_minor: string;
  /** `product_brand`, `product_version`, `xapi` ... */
  software_version: StringMap;
  other_config: StringMap;
}

export interface SrRecord extends Named {
  type: string;
  /** `iso` for libraries of discs. */
  content_type: string;
  shared: boolean;
  /** Bytes; -1 when the storage does not say. */
  physical_size: string;
  physical_utilisation: string;
  virtual_allocation: string;
  VDIs: VdiRef[];
  PBDs: PbdRef[];
  other_config: StringMap;
  sm_config: StringMap;
  tags: string[];
}

export interface PbdRecord {
  uuid: string;
  host: HostRef;
  SR: SrRef;
  currently_attached: boolean;
}

export interface VdiRecord extends Named {
  SR: SrRef;
  VBDs: VbdRef[];
  /** Bytes. */
  virtual_size: string;
  physical_utilisation: string;
  type: string;
  sharable: boolean;
  read_only: boolean;
  location: string;
  other_config: StringMap;
  sm_config: StringMap;
  tags: string[];
}

export interface VbdRecord {
  uuid: string;
  VM: VmRef;
  VDI: VdiRef;
  device: string;
  userdevice: string;
  bootable: boolean;
  mode: 'RO' | 'RW';
  type: 'CD' | 'Disk' | 'Floppy';
  empty: boolean;
  currently_attached: boolean;
  other_config: StringMap;
}

export interface VifRecord {
  uuid: string;
  VM: VmRef;
  network: NetworkRef;
  device: string;
  MAC: string;
  MTU: string;
  currently_attached: boolean;
  other_config: StringMap;
}

export interface NetworkRecord extends Named {
  bridge: string;
  MTU: string;
  VIFs: VifRef[];
  other_config: StringMap;
  tags: string[];
}

export type PowerState = 'Halted' | 'Paused' | 'Running' | 'Suspended';

export interface VmRecord extends Named {
  power_state: PowerState;
  is_a_template: boolean;
  is_default_template: boolean;
  is_a_snapshot: boolean;
  is_control_domain: boolean;
  resident_on: HostRef;
  affinity: HostRef;
  /** Bytes. */
  memory_static_min: string;
  memory_dynamic_min: string;
  memory_dynamic_max: string;
  memory_static_max: string;
  VCPUs_max: string;
  VCPUs_at_startup: string;
  VBDs: VbdRef[];
  VIFs: VifRef[];
  consoles: ConsoleRef[];
  guest_metrics: GuestMetricsRef;
  HVM_boot_policy: string;
  HVM_boot_params: StringMap;
  platform: StringMap;
  other_config: StringMap;
  xenstore_data: StringMap;
  blocked_operations: StringMap;
  current_operations: StringMap;
  tags: string[];
  NVRAM: StringMap;
  domain_type: string;
  reference_label: string;
}

export interface GuestMetricsRecord {
  uuid: string;
  os_version: StringMap;
  PV_drivers_version: StringMap;
  /** `0/ip`, `0/ipv4/0`, `0/ipv6/0` ... */
  networks: StringMap;
  other: StringMap;
  live: boolean;
}

export interface ConsoleRecord {
  uuid: string;
  protocol: 'rfb' | 'vt100' | 'rdp';
  /** `https://host/console?uuid=...` */
  location: string;
  VM: VmRef;
  other_config: StringMap;
}

export type TaskStatus = 'pending' | 'success' | 'failure' | 'cancelling' | 'cancelled';

export interface TaskRecord extends Named {
  status: TaskStatus;
  created: string;
  finished: string;
  progress: number | string;
  /** An XML-RPC value, a reference, or nothing. */
  result: string;
  /** A code and its parameters. */
  error_info: string[];
  other_config: StringMap;
  resident_on: HostRef;
}

/** The classes that are typed, and their records. */
export interface XapiClasses {
  pool: PoolRecord;
  host: HostRecord;
  SR: SrRecord;
  PBD: PbdRecord;
  VDI: VdiRecord;
  VBD: VbdRecord;
  VIF: VifRecord;
  VM: VmRecord;
  VM_guest_metrics: GuestMetricsRecord;
  network: NetworkRecord;
  console: ConsoleRecord;
  task: TaskRecord;
}

export type XapiClass = keyof XapiClasses;
