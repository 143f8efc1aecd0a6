import type {
  HostRef,
  NetworkRef,
  Ref,
  SrRef,
  TaskRef,
  TaskStatus,
  VbdRef,
  VdiRef,
  VifRef,
  VmRef,
  XapiClass,
  XapiClasses,
} from './records.ts';

type StringMap = Record<string, string>;
/** Bytes and counts are numbers here; they go out as XAPI wants them. */
type Int = number;

/** What every class can be asked for. */
type Readers<C extends XapiClass> = Record<`${C}.get_all_records`, () => Record<string, XapiClasses[C]>> &
  Record<`${C}.get_all`, () => Ref<C>[]> &
  Record<`${C}.get_record`, (self: Ref<C>) => XapiClasses[C]> &
  Record<`${C}.get_by_uuid`, (uuid: string) => Ref<C>> & {
    [F in keyof XapiClasses[C] & string as `${C}.get_${F}`]: (self: Ref<C>) => XapiClasses[C][F];
  };

type NamedReaders<C extends XapiClass> = Record<`${C}.get_by_name_label`, (name: string) => Ref<C>[]> &
  Record<`${C}.set_name_label` | `${C}.set_name_description`, (self: Ref<C>, value: string) => void>;

type OtherConfig<C extends XapiClass> = Record<`${C}.set_other_config`, (self: Ref<C>, value: StringMap) => void> &
  Record<`${C}.add_to_other_config`, (self: Ref<C>, key: string, value: string) => void> &
  Record<`${C}.remove_from_other_config`, (self: Ref<C>, key: string) => void>;

type Tags<C extends XapiClass> = Record<`${C}.set_tags`, (self: Ref<C>, value: string[]) => void> &
  Record<`${C}.add_tags` | `${C}.remove_tags`, (self: Ref<C>, value: string) => void>;

export interface VdiCreate {
  name_label: string;
  name_description: string;
  SR: SrRef;
  virtual_size: Int;
  type: 'user' | 'system';
  sharable: boolean;
  read_only: boolean;
  other_config: StringMap;
  sm_config?: StringMap;
  xenstore_data?: StringMap;
  tags?: string[];
}

export interface VbdCreate {
  VM: VmRef;
  /** {@link nullRef} for an empty drive. */
  VDI: VdiRef | 'OpaqueRef:NULL';
  userdevice: string;
  bootable: boolean;
  mode: 'RO' | 'RW';
  type: 'CD' | 'Disk';
  unpluggable: boolean;
  empty: boolean;
  other_config: StringMap;
  qos_algorithm_type: string;
  qos_algorithm_params: StringMap;
}

export interface VifCreate {
  device: string;
  network: NetworkRef;
  VM: VmRef;
  /** Empty: XAPI makes one. */
  MAC: string;
  MTU: Int;
  other_config: StringMap;
  qos_algorithm_type: string;
  qos_algorithm_params: StringMap;
}

interface Calls {
  'VM.clone'(vm: VmRef, name: string): VmRef;
  /** With {@link nullRef}: into the storages where the disks are. */
  'VM.copy'(vm: VmRef, name: string, sr: SrRef | 'OpaqueRef:NULL'): VmRef;
  'VM.snapshot'(vm: VmRef, name: string): VmRef;
  'VM.provision'(vm: VmRef): void;
  'VM.start'(vm: VmRef, paused: boolean, force: boolean): void;
  'VM.clean_shutdown'(vm: VmRef): void;
  'VM.hard_shutdown'(vm: VmRef): void;
  'VM.clean_reboot'(vm: VmRef): void;
  'VM.hard_reboot'(vm: VmRef): void;
  /** The record alone: its disks stay. */
  'VM.destroy'(vm: VmRef): void;
  'VM.create'(record: Record<string, unknown>): VmRef;
  'VM.set_is_a_template'(vm: VmRef, value: boolean): void;
  'VM.set_memory_limits'(vm: VmRef, staticMin: Int, staticMax: Int, dynamicMin: Int, dynamicMax: Int): void;
  'VM.set_VCPUs_max'(vm: VmRef, value: Int): void;
  'VM.set_VCPUs_at_startup'(vm: VmRef, value: Int): void;
  'VM.set_HVM_boot_policy'(vm: VmRef, value: string): void;
  'VM.set_HVM_boot_params'(vm: VmRef, value: StringMap): void;
  'VM.set_platform'(vm: VmRef, value: StringMap): void;
  'VM.add_to_platform'(vm: VmRef, key: string, value: string): void;
  'VM.remove_from_platform'(vm: VmRef, key: string): void;
  'VM.set_xenstore_data'(vm: VmRef, value: StringMap): void;
  'VM.set_affinity'(vm: VmRef, host: HostRef | 'OpaqueRef:NULL'): void;
  'VM.set_recommendations'(vm: VmRef, value: string): void;
  'VM.set_blocked_operations'(vm: VmRef, value: StringMap): void;
  'VM.assert_can_boot_here'(vm: VmRef, host: HostRef): void;
  'VDI.create'(record: VdiCreate): VdiRef;
  'VDI.destroy'(vdi: VdiRef): void;
  'VDI.resize'(vdi: VdiRef, bytes: Int): void;
  'VDI.clone'(vdi: VdiRef, driverParameters: StringMap): VdiRef;
  'VDI.copy'(vdi: VdiRef, sr: SrRef): VdiRef;
  'VDI.set_virtual_size'(vdi: VdiRef, bytes: Int): void;
  'VDI.forget'(vdi: VdiRef): void;
  'VBD.create'(record: VbdCreate): VbdRef;
  'VBD.destroy'(vbd: VbdRef): void;
  'VBD.eject'(vbd: VbdRef): void;
  'VBD.insert'(vbd: VbdRef, vdi: VdiRef): void;
  'VBD.set_bootable'(vbd: VbdRef, value: boolean): void;
  'VIF.create'(record: VifCreate): VifRef;
  'VIF.destroy'(vif: VifRef): void;
  'VIF.move'(vif: VifRef, network: NetworkRef): void;
  'SR.scan'(sr: SrRef): void;
  'host.get_servertime'(host: HostRef): string;
  'task.create'(name: string, description: string): TaskRef;
  'task.cancel'(task: TaskRef): void;
  /** The maker of a task ends it by this, when nobody else works on it. */
  'task.set_status'(task: TaskRef, status: TaskStatus): void;
  'task.destroy'(task: TaskRef): void;
}

/** The methods of XAPI that are typed, without the session. One line more for one more. */
export type XapiMethods = Calls &
  Readers<'pool'> &
  Readers<'host'> &
  Readers<'SR'> &
  Readers<'PBD'> &
  Readers<'VDI'> &
  Readers<'VBD'> &
  Readers<'VIF'> &
  Readers<'VM'> &
  Readers<'VM_guest_metrics'> &
  Readers<'network'> &
  Readers<'console'> &
  Readers<'task'> &
  NamedReaders<'host'> &
  NamedReaders<'SR'> &
  NamedReaders<'VDI'> &
  NamedReaders<'VM'> &
  NamedReaders<'network'> &
  OtherConfig<'pool'> &
  OtherConfig<'SR'> &
  OtherConfig<'VDI'> &
  OtherConfig<'VBD'> &
  OtherConfig<'VIF'> &
  OtherConfig<'VM'> &
  OtherConfig<'network'> &
  OtherConfig<'task'> &
  Tags<'VDI'> &
  Tags<'VM'>;

export type XapiMethod = keyof XapiMethods;
