import { setTimeout as sleep } from 'node:timers/promises';
import { nullRef, type TaskRef, type VdiRef } from '../../clients/xapi.ts';
import type { KnownRuns, SweptItem } from '../../model/target.ts';
import { destroyVm, isBusy, isGone } from './destroy.ts';
import { settle, unsettled } from './decide.ts';
import { readMarks, runOfTask } from './marks.ts';
import type { Pool } from './pool.ts';
import { type PoolView, readPool } from './view.ts';

/** Whether a run has ended without tidying up. */
export type IsDead = (run: string) => boolean;

/** A run is dead when this machine knows it, or, for those of other machines, when nothing was heard of it for the time of a lease. */
export function deathOf(known: KnownRuns, own: string, view: PoolView): IsDead {
  return (run) => run !== own && !known.alive.has(run) && (known.dead.has(run) || !view.leases.alive.has(run));
}

const patienceMs = 30_000;

/**
 * Removes all that dead runs left on the pool, and finishes what they had decided. The pool tidies up some of it by itself when a
 * connection breaks; what it is busy with is waited for.
 */
export async function sweepRuns(pool: Pool, isDead: IsDead, options: { keepLease?: boolean } = {}): Promise<SweptItem[]> {
  const swept: SweptItem[] = [];
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      await sweepOnce(pool, isDead, swept, options.keepLease === true);
      return swept;
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
      await sleep(500);
    }
  }
}

async function sweepOnce(pool: Pool, isDead: IsDead, swept: SweptItem[], keepLease: boolean): Promise<void> {
  const { xapi } = pool;
  await sweepTasks(pool, isDead, swept);
  const view = await readPool(pool);
  for (const vm of view.unfinished) {
    if (vm.run === undefined || !isDead(vm.run)) continue;
    await destroyVm(pool, vm);
    swept.push({ kind: 'vm', name: vm.name, run: vm.run });
  }
  const held = new Set(view.leases.locks.filter(({ run }) => !isDead(run)).map(({ template }) => template));
  for (const template of new Set(view.deployments.map((vm) => vm.template)))
    if (!held.has(template) && unsettled(view, template).length > 0) await settle(pool, template);
  await sweepDisks(pool, isDead, swept);
  for (const { key, run } of keepLease ? [] : view.leases.keys.filter((entry) => isDead(entry.run))) {
    await xapi.call('pool.remove_from_other_config', view.ref, key);
    swept.push({ kind: 'lease', name: key, run });
  }
}

async function sweepTasks({ xapi }: Pool, isDead: IsDead, swept: SweptItem[]): Promise<void> {
  for (const [ref, task] of Object.entries(await xapi.call('task.get_all_records'))) {
    const run = runOfTask(task);
    if (run === undefined || !isDead(run)) continue;
    await endTask(xapi, ref as TaskRef);
    swept.push({ kind: 'task', name: task.name_label, run });
  }
}

/** How long a task may take to notice that it was cancelled. What its work then still does to a VM is waited for there. */
const settleMs = 2000;
const lookEveryMs = 200;

async function endTask(xapi: Pool['xapi'], ref: TaskRef): Promise<void> {
  const isPending = async (): Promise<boolean> => ['pending', 'cancelling'].includes(await xapi.call('task.get_status', ref));
  try {
    if (await isPending()) {
      // Some cannot be cancelled: they are removed when they end.
      await xapi.call('task.cancel', ref).catch((error: unknown) => {
        if (isGone(error)) throw error;
      });
      const deadline = performance.now() + settleMs;
      while ((await isPending()) && performance.now() < deadline) await sleep(lookEveryMs);
      // Nobody works on a task whose bytes never came: it would be pending for ever. Old hosts know no other end than a day's passing.
      if (await isPending()) await xapi.call('task.set_status', ref, 'cancelled').catch(() => undefined);
    }
    await xapi.call('task.destroy', ref);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** Disks of an import that has no VM (any more). Those of a VM go with it. */
async function sweepDisks({ xapi }: Pool, isDead: IsDead, swept: SweptItem[]): Promise<void> {
  const used = new Set(Object.values(await xapi.call('VBD.get_all_records')).map(({ VDI }) => VDI));
  for (const [key, record] of Object.entries(await xapi.call('VDI.get_all_records'))) {
    const ref = key as VdiRef;
    const run = readMarks(record.other_config)?.run;
    if (run === undefined || !isDead(run) || used.has(ref) || ref === nullRef) continue;
    try {
      await xapi.call('VDI.destroy', ref);
      swept.push({ kind: 'disk', name: record.name_label, run });
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
}
