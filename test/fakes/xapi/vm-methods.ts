import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { nullRef } from './classes.ts';
import { type FakeRecord, textOf } from './database.ts';
import { XapiFault } from './fault.ts';
import { fieldValues, type Method } from './method.ts';
import type { FakePool } from './pool.ts';

/** What may be done with a VM, by its state. */
function needState(pool: FakePool, vm: string, ...states: string[]): FakeRecord {
  const record = pool.db.get('VM', vm);
  const state = textOf(record, 'power_state');
  if (!states.includes(state))
    throw new XapiFault('VM_BAD_POWER_STATE', [vm, states.join(', ').toLowerCase(), state.toLowerCase()]);
  return record;
}

function notBlocked(record: FakeRecord, vm: string, operation: string): void {
  const blocked = (record['blocked_operations'] as Record<string, string>)[operation];
  if (blocked !== undefined) throw new XapiFault('OPERATION_BLOCKED', [vm, blocked]);
  const [task] = Object.entries(record['current_operations'] as Record<string, string>);
  if (task) throw new XapiFault('OTHER_OPERATION_IN_PROGRESS', ['VM', vm, task[1], task[0]]);
}

function disksOf({ db }: FakePool, vm: string): { vbd: string; vdi: string }[] {
  return (db.get('VM', vm)['VBDs'] as string[]).flatMap((vbd) => {
    const record = db.get('VBD', vbd);
    return record['empty'] === true ? [] : [{ vbd, vdi: textOf(record, 'VDI') }];
  });
}

/** The copy is a VM template when the original is; it takes over other_config, tags and the disks' own other_config. */
async function copyVm(pool: FakePool, vm: string, name: string, sr?: string): Promise<string> {
  const source = needState(pool, vm, 'Halted', 'Suspended');
  notBlocked(source, vm, sr === undefined ? 'clone' : 'copy');
  const made: (() => Promise<void> | void)[] = [];
  try {
    const { uuid: _uuid, ...values } = structuredClone(source);
    const copy = pool.db.create('VM', {
      ...values,
      name_label: name,
      is_default_template: false,
      VBDs: [],
      VIFs: [],
      consoles: [],
      current_operations: {},
      guest_metrics: nullRef,
      other_config: { ...(values['other_config'] as FakeRecord), mac_seed: randomUUID() },
    });
    made.push(() => pool.db.destroy('VM', copy));
    for (const vbd of source['VBDs'] as string[]) {
      const { uuid: _own, ...record } = structuredClone(pool.db.get('VBD', vbd));
      const disk = record['type'] === 'Disk' && record['empty'] !== true;
      const target = sr ?? (disk ? textOf(pool.db.get('VDI', textOf(record, 'VDI')), 'SR') : nullRef);
      const vdi = disk ? await pool.storage.copyVdi(textOf(record, 'VDI'), target) : textOf(record, 'VDI');
      if (disk) made.push(() => pool.storage.destroyVdi(vdi));
      pool.db.create('VBD', { ...record, VM: copy, VDI: vdi, currently_attached: false });
    }
    for (const vif of source['VIFs'] as string[]) {
      const { uuid: _own, ...record } = structuredClone(pool.db.get('VIF', vif));
      pool.db.create('VIF', { ...record, VM: copy, MAC: pool.newMac(), currently_attached: false });
    }
    return copy;
  } catch (error) {
    for (const undo of made.toReversed()) await undo();
    throw error;
  }
}

function startVm(pool: FakePool, vm: string): void {
  const { db, faults } = pool;
  const record = db.get('VM', vm);
  if (record['is_a_template'] === true) throw new XapiFault('VM_IS_TEMPLATE', [vm]);
  needState(pool, vm, 'Halted');
  notBlocked(record, vm, 'start');
  if (faults.startFails) throw faults.startFails;
  const disks = disksOf(pool, vm);
  for (const { vdi } of disks) {
    const users = (db.get('VDI', vdi)['VBDs'] as string[]).filter((vbd) => db.get('VBD', vbd)['currently_attached'] === true);
    if (users.length > 0) throw new XapiFault('VDI_IN_USE', [vdi, 'attach']);
  }
  const srs = disks.map(({ vdi }) => textOf(db.get('VDI', vdi), 'SR'));
  const host = [...pool.hostRefs.keys()].find((index) => srs.every((sr) => pool.hostsOf(sr).includes(index)));
  if (host === undefined) throw new XapiFault('NO_HOSTS_AVAILABLE');
  for (const { vbd } of disks) db.set('VBD', vbd, { currently_attached: true });
  for (const vif of record['VIFs'] as string[]) db.set('VIF', vif, { currently_attached: true });
  db.set('VM', vm, { power_state: 'Running', resident_on: pool.hostRefs[host] ?? nullRef, domid: '7', guest_metrics: nullRef });
  const uuid = randomUUID();
  db.create('console', { uuid, protocol: 'rfb', VM: vm, location: `https://${pool.addressOf(host)}/console?uuid=${uuid}` });
  if (!faults.agentSilent) void reportAgent(pool, vm);
}

/** The agent in the guest reports some time after the start. */
async function reportAgent(pool: FakePool, vm: string): Promise<void> {
  await sleep(pool.faults.agentAfterMs, undefined, { signal: pool.closing.signal }).catch(() => undefined);
  if (pool.closing.signal.aborted || !pool.db.has('VM', vm) || pool.db.get('VM', vm)['power_state'] !== 'Running') return;
  const metrics = pool.db.create('VM_guest_metrics', {
    os_version: { name: 'Debian GNU/Linux 12 (bookworm)', distro: 'debian', major: '12' },
    PV_drivers_version: { major: '1', minor: '0', micro: '0', build: '0' },
    networks: { '0/ip': '10.0.0.7', '0/ipv4/0': '10.0.0.7' },
    live: true,
  });
  pool.db.set('VM', vm, { guest_metrics: metrics });
}

function haltVm({ db }: FakePool, vm: string): void {
  const record = db.get('VM', vm);
  for (const vbd of record['VBDs'] as string[]) db.set('VBD', vbd, { currently_attached: false });
  for (const vif of record['VIFs'] as string[]) db.set('VIF', vif, { currently_attached: false });
  for (const console of record['consoles'] as string[]) db.destroy('console', console);
  const metrics = textOf(record, 'guest_metrics');
  if (db.has('VM_guest_metrics', metrics)) db.destroy('VM_guest_metrics', metrics);
  db.set('VM', vm, { power_state: 'Halted', resident_on: nullRef, domid: '-1', guest_metrics: nullRef });
}

function isOrdered(...values: unknown[]): boolean {
  const numbers = values.map(Number);
  return numbers.every((value, at) => at === 0 || value >= (numbers[at - 1] ?? 0));
}

/** Fields of a VM that XAPI's data model has no default for. */
const neededForCreate = [
  'user_version',
  'is_a_template',
  'affinity',
  'memory_static_max',
  'memory_dynamic_max',
  'memory_dynamic_min',
  'memory_static_min',
  'VCPUs_params',
  'VCPUs_max',
  'VCPUs_at_startup',
  'actions_after_shutdown',
  'actions_after_reboot',
  'actions_after_crash',
  'PV_bootloader',
  'PV_kernel',
  'PV_ramdisk',
  'PV_args',
  'PV_bootloader_args',
  'PV_legacy_args',
  'HVM_boot_policy',
  'HVM_boot_params',
  'platform',
  'PCI_bus',
  'other_config',
  'recommendations',
];

export const vmMethods: Record<string, Method> = {
  'VM.create': ({ pool }, values: Record<string, unknown>) => {
    for (const field of neededForCreate)
      if (values[field] === undefined) throw new XapiFault('INTERNAL_ERROR', [`Dispatcher_FieldNotFound("${field}")`]);
    const record = fieldValues('VM', values);
    return pool.db.create('VM', { ...record, power_state: 'Halted' });
  },
  'VM.clone': ({ pool }, vm: string, name: string) => copyVm(pool, vm, name),
  'VM.copy': ({ pool }, vm: string, name: string, sr: string) => copyVm(pool, vm, name, sr === nullRef ? undefined : sr),
  'VM.provision': ({ pool }, vm: string) => {
    notBlocked(needState(pool, vm, 'Halted'), vm, 'provision');
    pool.db.set('VM', vm, { is_a_template: false });
    return undefined;
  },
  'VM.set_is_a_template': ({ pool }, vm: string, value: boolean) => {
    const record = pool.db.get('VM', vm);
    if (value && record['is_a_snapshot'] !== true) needState(pool, vm, 'Halted');
    if (value) notBlocked(record, vm, 'make_into_template');
    if (!value && record['is_default_template'] === true)
      throw new XapiFault('OPERATION_NOT_ALLOWED', ['it is a default template']);
    pool.db.set('VM', vm, { is_a_template: value });
    return undefined;
  },
  'VM.start': ({ pool }, vm: string) => {
    startVm(pool, vm);
    return undefined;
  },
  'VM.clean_shutdown': ({ pool }, vm: string) => {
    needState(pool, vm, 'Running');
    if (pool.faults.agentSilent) throw new XapiFault('VM_LACKS_FEATURE_SHUTDOWN', [vm]);
    haltVm(pool, vm);
    return undefined;
  },
  'VM.hard_shutdown': ({ pool }, vm: string) => {
    notBlocked(needState(pool, vm, 'Running', 'Paused', 'Suspended'), vm, 'hard_shutdown');
    haltVm(pool, vm);
    return undefined;
  },
  'VM.hard_reboot': ({ pool }, vm: string) => {
    needState(pool, vm, 'Running', 'Paused');
    pool.db.set('VM', vm, { domid: String(Number(pool.db.get('VM', vm)['domid']) + 1) });
    return undefined;
  },
  'VM.destroy': ({ pool }, vm: string) => {
    const record = needState(pool, vm, 'Halted');
    notBlocked(record, vm, 'destroy');
    if (record['is_default_template'] === true) throw new XapiFault('VM_CANNOT_DELETE_DEFAULT_TEMPLATE', [vm]);
    for (const vbd of record['VBDs'] as string[]) pool.db.destroy('VBD', vbd);
    for (const vif of record['VIFs'] as string[]) pool.db.destroy('VIF', vif);
    pool.db.destroy('VM', vm);
    return undefined;
  },
  'VM.set_memory_limits': (
    { pool },
    vm: string,
    staticMin: string,
    staticMax: string,
    dynamicMin: string,
    dynamicMax: string,
  ) => {
    needState(pool, vm, 'Halted');
    if (!isOrdered(staticMin, dynamicMin, dynamicMax, staticMax)) {
      throw new XapiFault('MEMORY_CONSTRAINT_VIOLATION', [
        'Memory limits must satisfy: static_min <= dynamic_min <= dynamic_max <= static_max',
      ]);
    }
    const values = { memory_static_min: staticMin, memory_dynamic_min: dynamicMin, memory_dynamic_max: dynamicMax };
    pool.db.set('VM', vm, fieldValues('VM', { ...values, memory_static_max: staticMax }));
    return undefined;
  },
  'VM.set_VCPUs_max': ({ pool }, vm: string, value: string) => {
    const record = needState(pool, vm, 'Halted');
    checkVcpus(Number(record['VCPUs_at_startup']), Number(value), value);
    pool.db.set('VM', vm, fieldValues('VM', { VCPUs_max: value }));
    return undefined;
  },
  'VM.set_VCPUs_at_startup': ({ pool }, vm: string, value: string) => {
    const record = needState(pool, vm, 'Halted');
    checkVcpus(Number(value), Number(record['VCPUs_max']), value);
    pool.db.set('VM', vm, fieldValues('VM', { VCPUs_at_startup: value }));
    return undefined;
  },
  'VM.assert_can_boot_here': ({ pool }, vm: string) => {
    pool.db.get('VM', vm);
    return undefined;
  },
};

function checkVcpus(atStartup: number, max: number, value: string): void {
  if (atStartup >= 1 && atStartup <= max) return;
  throw new XapiFault('INVALID_VALUE', ['VCPU values must satisfy: 0 < VCPUs_at_startup ≤ VCPUs_max', value]);
}
