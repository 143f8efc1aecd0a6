import { Option } from 'commander';

export interface StoreOption {
  store: string;
}

/** How an image is named on the command line. */
export const imageHelp = 'NAME, NAME@VERSION, NAME@CHANNEL or NAME@sha256:...; NAME alone is its newest version';

/** `--store`, or GABARIT_STORE: a URL, a path, or a name of the configuration. */
export function storeOption(): Option {
  return new Option('--store <store>', 'the store: its name in the configuration, s3://bucket/prefix, or file:/srv/templates')
    .env('GABARIT_STORE')
    .makeOptionMandatory();
}

/** Who does it; it is written into the catalog. */
export function byOption(): Option {
  return new Option('--by <name>', 'who does it, for the record (default: the name of this user)');
}
