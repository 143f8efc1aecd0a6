import type { DiagnoseOptions, StoreDiagnosis } from '../model/store-diagnosis.ts';
import { defaultStoreSettings, type StoreSettings } from '../model/store-settings.ts';
import { AppError } from '../util/errors.ts';
import { findStore, type StoresConfig } from './open-store.ts';

/** What is said on the command line instead of in the configuration. */
export type GivenSettings = Partial<Pick<StoreSettings, 'endpoint' | 'region' | 'ca' | 'credentials'>>;

export interface DiagnosedStore {
  /** In the configuration; undefined for a store that is not there. */
  name: string | undefined;
  diagnosis: StoreDiagnosis;
}

/**
 * Tries out the way to a store: by its name, by `s3://BUCKET/PREFIX`, or by `https://ENDPOINT/BUCKET/PREFIX`.
 * @throws AppError USAGE where nothing can be tried out
 */
export async function diagnoseStore(
  reference: string,
  given: GivenSettings,
  config: StoresConfig,
  options: DiagnoseOptions,
): Promise<DiagnosedStore> {
  const { url: wanted, endpoint } = splitEndpoint(reference);
  const { plugin, url, settings } = findStore(wanted, config);
  if (!plugin.diagnose) {
    throw new AppError('USAGE', `There is nothing to try out about ${url}`, {
      hint: 'The doctor is for S3: a name of the configuration, s3://BUCKET/PREFIX, or https://ENDPOINT/BUCKET/PREFIX.',
    });
  }
  const name = Object.keys(config.stores).find((candidate) => config.stores[candidate] === settings);
  const known = endpoint === undefined ? settings : undefined;
  const merged: StoreSettings = {
    ...(known ?? defaultStoreSettings(url)),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...given,
  };
  const diagnosis = await plugin.diagnose(url, { ...config.context, settings: merged }, options);
  return { name: known && name, diagnosis };
}

/** `https://s3.example:9000/templates/gabarit` names an endpoint, a bucket and a prefix at once. */
function splitEndpoint(reference: string): { url: string; endpoint?: string } {
  if (!/^https?:\/\//.test(reference)) return { url: reference };
  const parsed = URL.parse(reference);
  const path = parsed?.pathname.replace(/^\/+/, '') ?? '';
  if (!parsed || path === '') {
    throw new AppError('USAGE', `${reference} names no bucket`, {
      hint: 'Write https://ENDPOINT/BUCKET or https://ENDPOINT/BUCKET/PREFIX.',
    });
  }
  return { url: `s3://${path}`, endpoint: parsed.origin };
}
