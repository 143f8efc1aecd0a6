import type { SweepOptions, SweptUpload } from '../model/store.ts';
import { AppError } from '../util/errors.ts';
import { templatesPrefix } from './keys.ts';
import { findStore, type StoresConfig } from './open-store.ts';

export interface StoreSweep {
  schema: 'gabarit.store-sweep/1';
  url: string;
  /** Nothing was removed. */
  dryRun: boolean;
  uploads: SweptUpload[];
  /** Of all of them. */
  bytes: number;
}

/** Removes what publications that broke off have left of their uploads. @throws AppError USAGE where there are no such leftovers */
export async function sweepStore(
  reference: string,
  options: Omit<SweepOptions, 'prefix'>,
  config: StoresConfig,
): Promise<StoreSweep> {
  const { plugin, url, settings } = findStore(reference, config);
  if (!plugin.sweep) {
    throw new AppError('USAGE', `There are no unfinished uploads in ${url}: only S3 has them`, {
      hint: 'gabarit catalog prune removes files of publications that broke off.',
    });
  }
  const uploads = await plugin.sweep(url, { ...config.context, settings }, { ...options, prefix: templatesPrefix });
  const bytes = uploads.reduce((sum, upload) => sum + upload.bytes, 0);
  return { schema: 'gabarit.store-sweep/1', url, dryRun: options.dryRun, uploads, bytes };
}
