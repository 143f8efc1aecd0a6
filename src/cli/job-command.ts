import { fileURLToPath } from 'node:url';
import { nodeFlags } from '../util/node-flags.ts';
import type { Globals } from './context.ts';

/** How a worker carries one job out: this program again, with the same options and environment, but no way into the database. */
export function jobCommand(
  { cacheDir, out, config }: Globals,
  given: NodeJS.ProcessEnv = process.env,
): { command: string[]; environment: Record<string, string> } {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const flags = Object.entries({ '--cache-dir': cacheDir, '--out': out, '--config': config }).flatMap(([flag, value]) =>
    value === undefined ? [] : [flag, value],
  );
  const { DATABASE_URL: _, ...rest } = given;
  const environment = Object.fromEntries(
    Object.entries(rest).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  return { command: [process.execPath, ...nodeFlags, '--', main, '--json', ...flags, 'run-job'], environment };
}
