import type { OwnVm, PoolView } from './view.ts';
import { deploymentsOf, readPool } from './view.ts';
import { deployedKey, formatDeployed } from './deployed-record.ts';
import { destroyVm } from './destroy.ts';
import type { Lease } from './lease.ts';
import { marks, retiredName } from './marks.ts';
import type { Pool } from './pool.ts';
import { isNamedByUs, refuseForeignName, surplus } from './preflight.ts';

/**
 * Makes a VM template the current one. The decision is one call, which is done or not done; names follow it, and are put right by
 * whoever comes next when we are killed before.
 */
export async function decide(pool: Pool, lease: Lease, vm: OwnVm): Promise<PoolView> {
  const { xapi } = pool;
  const view = await lease.check();
  refuseForeignName(pool, view, vm.template);
  const serial = Math.max(0, ...deploymentsOf(view, vm.template).map((other) => other.serial)) + 1;
  if (vm.serial > 0) await xapi.call('VM.remove_from_other_config', vm.ref, marks.serial);
  await xapi.call('VM.add_to_other_config', vm.ref, marks.serial, String(serial));
  return settle(pool, vm.template);
}

const maxRounds = 5;

/**
 * Lets names follow the decision, and takes the marks of the run away. May be done by anybody at any time: it is repeated until
 * there is nothing left to do, so that two who do it at once come to the same.
 */
export async function settle(pool: Pool, template: string): Promise<PoolView> {
  let view = await readPool(pool);
  for (let round = 0; round < maxRounds && (await settleOnce(pool, view, template)); round += 1) view = await readPool(pool);
  return view;
}

async function settleOnce({ xapi }: Pool, view: PoolView, template: string): Promise<boolean> {
  const todo = unsettled(view, template);
  // The current one first: there is never a moment without one of that name.
  for (const { vm, wanted } of todo)
    if (vm.name !== wanted && isNamedByUs(vm)) await xapi.call('VM.set_name_label', vm.ref, wanted);
  for (const { vm } of todo) if (vm.run !== undefined) await xapi.call('VM.remove_from_other_config', vm.ref, marks.run);
  return todo.length > 0;
}

/** Deployments of a template that do not yet look as was decided, the current one first. */
export function unsettled(view: PoolView, template: string): { vm: OwnVm; wanted: string }[] {
  const all = deploymentsOf(view, template).map((vm, at) => ({ vm, wanted: at === 0 ? template : retiredName(vm) }));
  return all.filter(({ vm, wanted }) => vm.run !== undefined || (vm.name !== wanted && isNamedByUs(vm)));
}

/** Removes what is beyond the number that is kept, and writes down what there is now. */
export async function prune(pool: Pool, template: string): Promise<{ view: PoolView; removed: OwnVm[] }> {
  const removed = surplus(pool, deploymentsOf(await readPool(pool), template));
  for (const vm of removed) await discard(pool, vm);
  const view = await readPool(pool);
  await writeDeployed(pool, view, template);
  return { view, removed };
}

/** Removes a decided deployment: from the first call on it is the janitor's, should we be killed. */
export async function discard(pool: Pool, vm: OwnVm): Promise<void> {
  const { xapi, ctx } = pool;
  const { run } = ctx.journal;
  await xapi.call('VM.add_to_other_config', vm.ref, marks.run, run);
  await xapi.call('VM.remove_from_other_config', vm.ref, marks.serial);
  await destroyVm(pool, { ...vm, run });
}

export async function writeDeployed({ xapi }: Pool, view: PoolView, template: string): Promise<void> {
  const records = deploymentsOf(view, template).map((vm) => ({ ...vm, id: vm.uuid }));
  const key = deployedKey(template);
  const value = formatDeployed(records);
  if (view.record.other_config[key] === value) return;
  await xapi.call('pool.remove_from_other_config', view.ref, key);
  if (records.length > 0) await xapi.call('pool.add_to_other_config', view.ref, key, value);
}
