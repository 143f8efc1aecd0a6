import { type HostRecord, type NetworkRecord, type NetworkRef, nullRef, type SrRecord, type SrRef } from '../../clients/xapi.ts';
import { formatSize } from '../../model/size.ts';
import { AppError } from '../../util/errors.ts';
import { didYouMean } from '../../util/suggest.ts';
import type { Pool } from './pool.ts';
import type { PoolView } from './view.ts';

/** The storage and networks of a pool that the settings name. */

interface Found<R, T> {
  ref: R;
  record: T;
}

/** The one object that a name or UUID means. @throws AppError NOT_FOUND, CONFLICT when several have the name */
function findOne<R extends string, T extends { uuid: string; name_label: string }>(
  pool: Pool,
  kind: string,
  wanted: string,
  records: Record<string, T>,
): Found<R, T> {
  const all = Object.entries(records).map(([ref, record]) => ({ ref: ref as R, record }));
  const found = all.filter(({ record }) => record.uuid === wanted || record.name_label === wanted);
  const [only, second] = found;
  if (only && !second) return only;
  if (only) {
    throw new AppError('CONFLICT', `${pool.name}: ${found.length} ${kind}s are called "${wanted}"`, {
      hint: `Name it by its UUID: ${found.map(({ record }) => record.uuid).join(', ')}`,
    });
  }
  const names = all.map(({ record }) => record.name_label).filter((name) => name !== '');
  throw new AppError('NOT_FOUND', `${pool.name} has no ${kind} "${wanted}"${didYouMean(wanted, names)}`, {
    hint: `It has ${names.map((name) => `"${name}"`).join(', ') || 'none'}.`,
  });
}

/** The storage that disks go to. @throws AppError NOT_FOUND, CONFLICT, CONFIG_INVALID */
export async function findStorage(pool: Pool, view: PoolView): Promise<Found<SrRef, SrRecord>> {
  const records = await pool.xapi.call('SR.get_all_records');
  const ref = view.record.default_SR;
  const record = records[ref];
  const wanted = pool.settings.sr;
  if (wanted === undefined && (ref === nullRef || !record)) {
    throw new AppError('NOT_FOUND', `${pool.name} has no default storage`, {
      hint: `Name one: "sr:" of the target in the configuration. It has ${Object.values(records)
        .filter(({ content_type: type }) => type !== 'iso')
        .map(({ name_label: name }) => `"${name}"`)
        .join(', ')}.`,
    });
  }
  const found =
    wanted === undefined && record ? { ref, record } : findOne<SrRef, SrRecord>(pool, 'storage', wanted ?? '', records);
  if (found.record.content_type !== 'iso') return found;
  throw new AppError('CONFIG_INVALID', `${pool.name}: "${found.record.name_label}" is a library of discs: no disk can be in it`, {
    hint: 'Name another storage ("sr:" of the target in the configuration).',
  });
}

/** Storage where a disk takes its whole size at once, and a clone of it the same again. */
const thickTypes = new Set(['lvm', 'lvmoiscsi', 'lvmohba', 'lvmofcoe']);

/** @throws AppError TARGET_FULL */
export function refuseWhenFull(pool: Pool, { record }: Found<SrRef, SrRecord>, virtualSize: number, withClone: boolean): number {
  const size = Number(record.physical_size);
  const free = size - Number(record.physical_utilisation);
  const needed = virtualSize * (withClone && thickTypes.has(record.type) ? 2 : 1);
  // Some kinds of storage say nothing about their size.
  if (size <= 0 || free >= needed) return free;
  throw new AppError(
    'TARGET_FULL',
    `${pool.name}: "${record.name_label}" has ${formatSize(Math.max(0, free))} free, and ${formatSize(needed)} are needed; nothing was sent`,
    { hint: 'Free some room (gabarit deployments rm), or name another storage ("sr:" of the target in the configuration).' },
  );
}

/** @throws AppError NOT_FOUND, CONFLICT */
export async function findNetworks(pool: Pool): Promise<Found<NetworkRef, NetworkRecord>[]> {
  if (pool.settings.networks.length === 0) return [];
  const records = await pool.xapi.call('network.get_all_records');
  return pool.settings.networks.map((wanted) => findOne<NetworkRef, NetworkRecord>(pool, 'network', wanted, records));
}

/** What an XVA of ours says that it was made by at least; an older host refuses it. */
const xvaApi = [1, 20] as const;

/** How blocks are to be summed for the oldest host of the pool. @throws AppError TARGET_FAILED when it is too old for an XVA */
export async function checksumFor(pool: Pool): Promise<'xxhash' | 'sha1'> {
  const hosts = Object.values(await pool.xapi.call('host.get_all_records'));
  const tooOld = hosts.find((host) => before([Number(host.API_version_major), Number(host.API_version_minor)], xvaApi));
  if (tooOld) {
    throw new AppError(
      'TARGET_FAILED',
      `${pool.name}: the host ${tooOld.name_label} is too old: it speaks version ${tooOld.API_version_major}.${tooOld.API_version_minor} of the API, and an XVA needs ${xvaApi.join('.')}; nothing was sent`,
      { hint: 'Update the host.' },
    );
  }
  return hosts.every((host) => !before(productVersion(host), [8, 1])) ? 'xxhash' : 'sha1';
}

function productVersion({ software_version: { product_version: text } }: HostRecord): [number, number] {
  const [major = 0, minor = 0] = (text ?? '').split('.').map(Number);
  return [major, minor];
}

function before([a, b]: readonly [number, number], [c, d]: readonly [number, number]): boolean {
  return a < c || (a === c && b < d);
}
