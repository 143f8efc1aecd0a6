import { Option } from 'commander';

/** `--store`, or GABARIT_STORE: a URL, a path, or a name of the configuration. */
export function storeOption(): Option {
  return new Option('--store <store>', 'the store: its name in the configuration, s3://bucket/prefix, or file:/srv/templates')
    .env('GABARIT_STORE')
    .makeOptionMandatory();
}
