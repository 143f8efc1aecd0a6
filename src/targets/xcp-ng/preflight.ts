import type { NetworkRef, SrRef } from '../../clients/xapi.ts';
import { formatSize } from '../../model/size.ts';
import type { DeployPlan, DeployRequest } from '../../model/target.ts';
import { AppError } from '../../util/errors.ts';
import { deploymentOf } from './list.ts';
import { retiredName } from './marks.ts';
import { checksumFor, findNetworks, findStorage, refuseWhenFull } from './places.ts';
import type { Pool } from './pool.ts';
import { deploymentsOf, type OwnVm, type PoolView } from './view.ts';

export interface Prepared {
  plan: DeployPlan;
  /** What has the name now, when it is another image. */
  current: OwnVm | undefined;
  /** What is there already of the wanted image. */
  existing: OwnVm | undefined;
  /** Absent when nothing has to be sent. */
  import?: { sr: SrRef; networks: NetworkRef[]; checksum: 'xxhash' | 'sha1' };
}

/** Looks at everything that can be known to stand in the way, before anything is made. */
export async function prepare(pool: Pool, view: PoolView, request: DeployRequest): Promise<Prepared> {
  const { image, virtualSize } = request;
  const there = deploymentsOf(view, image.template);
  const existing = there.find(({ digest }) => digest === image.digest);
  const current = there.find((vm) => vm === there[0] && vm !== existing);
  const plan: DeployPlan = {
    action: existing === undefined ? 'import' : existing === there[0] ? 'none' : 'promote',
    ...(current ? { replaces: deploymentOf(pool.name, view, current) } : {}),
    removes: surplus(
      pool,
      existing === undefined ? [undefined, ...there] : [existing, ...there.filter((vm) => vm !== existing)],
    ).map((vm) => deploymentOf(pool.name, view, vm)),
    notes: [],
  };
  if (plan.action === 'none' && existing) {
    plan.notes.push(...deploymentOf(pool.name, view, existing).drift);
    return { plan: { ...plan, removes: [] }, current, existing };
  }
  refuseForeignName(pool, view, image.template);
  if (existing) return { plan, current, existing };
  // A disk alone goes to hosts of any age.
  const checksum = pool.settings.import === 'vhd' ? 'xxhash' : await checksumFor(pool);
  const storage = await findStorage(pool, view);
  const free = refuseWhenFull(pool, storage, virtualSize, wantsTest(pool, request));
  const networks = await findNetworks(pool);
  plan.notes.push(
    `to the storage "${storage.record.name_label}", which has ${formatSize(Math.max(0, free))} free`,
    networks.length === 0
      ? 'without a network card'
      : `on the network ${networks.map(({ record }) => `"${record.name_label}"`).join(', ')}`,
  );
  if (wantsTest(pool, request)) {
    if (networks.length === 0) throw testNeedsNetwork(pool);
    plan.notes.push('a clone is booted before it gets the name');
  }
  return { plan, current, existing, import: { sr: storage.ref, networks: networks.map(({ ref }) => ref), checksum } };
}

export function wantsTest(pool: Pool, request: DeployRequest): boolean {
  return request.test ?? pool.settings.test;
}

function testNeedsNetwork(pool: Pool): AppError {
  return new AppError('CONFIG_INVALID', `${pool.name}: a test clone has no network card, so its agent could report no address`, {
    hint: 'Name a network ("networks:" of the target in the configuration), or do without the test (--no-test).',
  });
}

/** @throws AppError CONFLICT when the name belongs to a VM template that we did not make */
export function refuseForeignName(pool: Pool, view: PoolView, template: string): void {
  const taken = view.foreignTemplates.find(({ name }) => name === template);
  if (!taken) return;
  throw new AppError('CONFLICT', `${pool.name} has a VM template "${template}" that Gabarit did not make (${taken.uuid})`, {
    hint: 'Rename it on the pool. Gabarit never touches what it did not make.',
  });
}

/** Deployments beyond what is kept; the first of the list is the one that becomes current. What somebody renamed is not ours to remove. */
export function surplus(pool: Pool, ordered: readonly (OwnVm | undefined)[]): OwnVm[] {
  return ordered.slice(1 + pool.settings.keep).filter((vm) => vm !== undefined && isNamedByUs(vm)) as OwnVm[];
}

/** Whether a VM template still has a name that we gave it. */
export function isNamedByUs(vm: OwnVm): boolean {
  const { name, template, version } = vm;
  return name === template || name === retiredName(vm) || name.startsWith(`${template} (${version}, importing, run `);
}
