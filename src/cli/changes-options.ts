import { type Command, InvalidArgumentError, Option } from 'commander';
import type { TemplateChange } from '../model/ci.ts';
import type { ChangesRequest } from '../pipeline/ci/open-ci.ts';
import { errorJson } from './render/error.ts';

export interface ChangesFlags {
  store?: string;
  base?: string;
  template?: string[];
  formats?: string[];
  force?: boolean;
  updates?: boolean;
  offline?: boolean;
}

/** Options of the commands that find out what has changed. */
export function addChangesOptions(command: Command): Command {
  return command
    .addOption(new Option('--store <store>', 'compare with the newest images published there').env('GABARIT_STORE'))
    .option('--base <commit>', 'compare with the definitions of this commit (default: the one that the CI system names)')
    .option('--template <names>', 'only these, separated by commas, changed or not; "all" is all', names)
    .option('--offline', 'use only what the cache holds: no network');
}

/** An input of a workflow that was left empty is the same as none. */
export function names(text: string): string[] {
  const found = text.split(',').map((name) => name.trim());
  if (text.trim() === '') return [];
  if (found.includes('')) throw new InvalidArgumentError('It must be a list such as web,database.');
  return [...new Set(found)];
}

export function requestOf(flags: ChangesFlags): ChangesRequest {
  const only = flags.template?.filter((name) => name !== 'all') ?? [];
  return {
    // A commit that was named on the command line means more than a store of the environment.
    store: flags.base === undefined ? flags.store : undefined,
    base: flags.base,
    only: only.length > 0 ? only : undefined,
    formats: flags.formats && flags.formats.length > 0 ? flags.formats : undefined,
    force: flags.force === true || flags.template?.includes('all') === true,
    updates: flags.updates === true,
    offline: flags.offline === true,
  };
}

/** For programs: without the whole plan that each was compared with. */
export function changesJson(changes: readonly TemplateChange[]): object[] {
  return changes.map(({ before, error, ...change }) => ({
    ...change,
    ...(before ? { before: before.id } : {}),
    ...(error ? { error: errorJson(error) } : {}),
  }));
}
