import { AppError } from '../../util/errors.ts';
import { isKey } from '../shared/keys.ts';

/** `s3://BUCKET/PREFIX`. */
export interface Address {
  bucket: string;
  /** Empty, or with "/" at its end. */
  prefix: string;
  url: string;
}

/** @throws AppError USAGE */
export function parseAddress(url: string): Address {
  const [, bucket = '', rest = ''] = /^s3:\/\/([^/]*)\/?(.*)$/.exec(url) ?? [];
  const prefix = rest.replace(/\/+$/, '');
  const hint =
    'Write s3://BUCKET or s3://BUCKET/PREFIX; the endpoint and the credentials belong into the configuration (stores:).';
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket)) {
    throw new AppError('USAGE', `"${bucket}" in ${url} is not the name of a bucket`, { hint });
  }
  if (prefix !== '' && !isKey(prefix))
    throw new AppError('USAGE', `"${prefix}" in ${url} is not a prefix that a store accepts`, { hint });
  return { bucket, prefix: prefix === '' ? '' : `${prefix}/`, url: `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}` };
}
