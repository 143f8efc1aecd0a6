import { xapiErrorOf } from '../../clients/xapi.ts';
import { AppError } from '../../util/errors.ts';
import { aliveKey, aliveValue, type Leases, lockKey } from './lease-keys.ts';
import type { Pool } from './pool.ts';
import { type PoolView, readPool } from './view.ts';

const beatEveryMs = 60_000;

export interface Lease {
  /** Makes sure that it is still ours: a machine that slept for long has lost it. @throws AppError CONFLICT */
  check(): Promise<PoolView>;
  /** Gives it back. Never throws: what stays expires, and the janitor removes it. */
  release(): Promise<void>;
}

/**
 * Makes this run the only one that changes the deployments of a template on the pool.
 * @throws AppError CONFLICT when another one is at it, naming it; TARGET_DENIED when the user may not write to the pool
 */
export async function takeLease(pool: Pool, template: string): Promise<Lease> {
  const { xapi, ctx } = pool;
  const { run } = ctx.journal;
  const beats = new Set<number>();
  let lock: string | undefined;
  let beating: Promise<void> = Promise.resolve();

  /** There is always one key at least: the new one comes before the old one goes. */
  const beat = async (): Promise<void> => {
    const view = await readPool(pool);
    const next = Math.max(0, ...beats) + 1;
    await xapi.call('pool.add_to_other_config', view.ref, aliveKey(run, next), aliveValue(ctx.by, view.leases.now));
    const old = [...beats];
    beats.add(next);
    for (const number of old) {
      await xapi.call('pool.remove_from_other_config', view.ref, aliveKey(run, number));
      beats.delete(number);
    }
  };

  const release = async (): Promise<void> => {
    clearInterval(timer);
    await beating;
    try {
      const { ref } = await readPool(pool);
      if (lock !== undefined) await xapi.call('pool.remove_from_other_config', ref, lock);
      for (const number of beats) await xapi.call('pool.remove_from_other_config', ref, aliveKey(run, number));
    } catch {
      // The pool is gone, or we were told to stop: the clean-up after a failure removes it, or the janitor.
    }
  };

  const check = async (): Promise<PoolView> => {
    const view = await readPool(pool);
    const isHeld = view.leases.alive.has(run) && view.leases.locks.some(({ key, run: holder }) => key === lock && holder === run);
    if (isHeld && !rivalOf(view.leases, template, run)) return view;
    throw new AppError(
      'CONFLICT',
      `${pool.name}: the hold on ${template} was lost, because nothing was heard of this run for long`,
      {
        hint: 'Nothing was changed. Try again.',
      },
    );
  };

  await ctx.journal.record({ kind: 'lease', name: run });
  const timer = setInterval(() => {
    // One that fails may be missed: the next comes long before the end.
    beating = beating.then(beat).catch(() => undefined);
  }, beatEveryMs);
  timer.unref();
  try {
    await beat();
    const view = await readPool(pool);
    refuseRival(pool, view.leases, template);
    const generations = view.leases.locks.filter((entry) => entry.template === template).map(({ generation }) => generation);
    const key = lockKey(template, Math.max(0, ...generations) + 1);
    await addLock(pool, view, key, template);
    lock = key;
    // Somebody who looked earlier than we did may have taken another number meanwhile: then both see each other now.
    refuseRival(pool, (await readPool(pool)).leases, template);
  } catch (error) {
    await release();
    throw error;
  }
  return { check, release };
}

function rivalOf(leases: Leases, template: string, run: string): string | undefined {
  return leases.locks.find((lock) => lock.template === template && lock.run !== run && leases.alive.has(lock.run))?.run;
}

function refuseRival(pool: Pool, leases: Leases, template: string): void {
  const rival = rivalOf(leases, template, pool.ctx.journal.run);
  if (rival !== undefined) throw underWay(pool, template, `${leases.alive.get(rival)?.by ?? 'somebody'}, run ${rival}`);
}

async function addLock(pool: Pool, view: PoolView, key: string, template: string): Promise<void> {
  try {
    await pool.xapi.call('pool.add_to_other_config', view.ref, key, pool.ctx.journal.run);
  } catch (error) {
    throw xapiErrorOf(error) === 'MAP_DUPLICATE_KEY' ? underWay(pool, template, 'somebody who was faster') : error;
  }
}

function underWay(pool: Pool, template: string, by: string): AppError {
  return new AppError('CONFLICT', `${pool.name}: ${template} is being changed by ${by}`, {
    hint: 'Wait until that has ended, and try again. If it was killed on another machine, its hold ends by itself after 10 minutes.',
  });
}
