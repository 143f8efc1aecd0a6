import { Option } from 'commander';

/** `--store`, or GABARIT_STORE. */
export function storeOption(): Option {
  return new Option('--store <url>', 'the store: file:/srv/templates, or a path').env('GABARIT_STORE').makeOptionMandatory();
}
