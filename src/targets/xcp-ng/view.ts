import type { PoolRecord, PoolRef, VmRecord, VmRef } from '../../clients/xapi.ts';
import type { ImageIdentity } from '../../model/target.ts';
import { type Leases, readLeases } from './lease-keys.ts';
import { importingName, type Marks, readMarks, testingName } from './marks.ts';
import type { Pool } from './pool.ts';
import { type DeployedRecord, readDeployed } from './deployed-record.ts';

/** A VM that Gabarit made here. */
export interface OwnVm extends ImageIdentity {
  ref: VmRef;
  uuid: string;
  name: string;
  isTemplate: boolean;
  /** The run that is making it, or that has decided on it and not tidied up yet. */
  run: string | undefined;
  /** 0 when a rollback to it was interrupted. */
  serial: number;
}

/** What is on a pool now, as far as it matters to deployments. */
export interface PoolView {
  ref: PoolRef;
  record: PoolRecord;
  leases: Leases;
  /** Decided ones, the current one of each template first. */
  deployments: OwnVm[];
  /** Imports and test clones that nobody has decided on. */
  unfinished: OwnVm[];
  /** Names of VM templates that are not ours, with their UUIDs. */
  foreignTemplates: { name: string; uuid: string }[];
  /** What was deployed when somebody looked last, by template. */
  deployed: ReadonlyMap<string, DeployedRecord[]>;
}

export async function readPool({ xapi }: Pick<Pool, 'xapi'>): Promise<PoolView> {
  const pools = await xapi.call('pool.get_all_records');
  const [ref, record] = Object.entries(pools)[0] as [PoolRef, PoolRecord];
  const leases = readLeases(record.other_config, await serverTime({ xapi }, record));
  const view: PoolView = {
    ref,
    record,
    leases,
    deployments: [],
    unfinished: [],
    foreignTemplates: [],
    deployed: readDeployed(record.other_config),
  };
  for (const [vmRef, vm] of Object.entries(await xapi.call('VM.get_all_records'))) sort(view, vmRef as VmRef, vm);
  view.deployments.sort((a, b) => b.serial - a.serial);
  return view;
}

function sort(view: PoolView, ref: VmRef, vm: VmRecord): void {
  if (vm.is_a_snapshot || vm.is_control_domain) return;
  const found = readMarks(vm.other_config);
  if (!found || !isOwn(vm, found)) {
    if (vm.is_a_template) view.foreignTemplates.push({ name: vm.name_label, uuid: vm.uuid });
    return;
  }
  const { template, version, digest, run, serial } = found;
  const own = { ref, uuid: vm.uuid, name: vm.name_label, isTemplate: vm.is_a_template, template, version, digest, run };
  const isDecided = found.uuid === vm.uuid && (serial !== undefined || run === undefined);
  (isDecided ? view.deployments : view.unfinished).push({ ...own, serial: serial ?? 0 });
}

/** A copy that somebody made has the marks of what it was copied from, but neither its UUID nor such a name. */
function isOwn(vm: VmRecord, found: Marks): boolean {
  if (found.uuid === vm.uuid) return true;
  const { run } = found;
  return run !== undefined && [importingName(found, run), testingName(found, run)].includes(vm.name_label);
}

/** The clock that all deployers share. */
async function serverTime({ xapi }: Pick<Pool, 'xapi'>, record: PoolRecord): Promise<number> {
  const text = await xapi.call('host.get_servertime', record.master);
  const match = /^(\d{4})-?(\d\d)-?(\d\d)T(\d\d):(\d\d):(\d\d)/.exec(text);
  const [year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0] = match?.slice(1).map(Number) ?? [];
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** The decided ones of one template, the current one first. */
export function deploymentsOf(view: PoolView, template: string): OwnVm[] {
  return view.deployments.filter((vm) => vm.template === template);
}
