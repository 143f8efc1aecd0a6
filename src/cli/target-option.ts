import { Option } from 'commander';

/** `--target`, which may be given several times. */
export function targetOption(): Option {
  return new Option('--target <name>', 'a target of the configuration; give it again for several')
    .argParser((name: string, before: string[] | undefined) => [...(before ?? []), name])
    .makeOptionMandatory();
}
