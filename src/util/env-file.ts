import { readFile } from 'node:fs/promises';
import { AppError, type Fault, toAppError } from './errors.ts';

/** From which file an environment was completed. */
const files = new WeakMap<Readonly<NodeJS.ProcessEnv>, string>();

export function envFileOf(environment: Readonly<NodeJS.ProcessEnv>): string | undefined {
  return files.get(environment);
}

/** Whether a CI system runs us, by the variables that all of them set. */
export function isCi(environment: Readonly<NodeJS.ProcessEnv>): boolean {
  const said = environment['CI'];
  return (
    (said !== undefined && !['', '0', 'false'].includes(said)) ||
    environment['GITHUB_ACTIONS'] === 'true' ||
    environment['GITLAB_CI'] === 'true'
  );
}

/**
 * The environment, with the variables of a file where it has none of that name. Never in CI: what is missing there is to be missed.
 * @throws AppError USAGE in CI; CONFIG_INVALID with the lines that cannot be read
 */
export async function withEnvFile(path: string, environment: Readonly<NodeJS.ProcessEnv>): Promise<NodeJS.ProcessEnv> {
  if (isCi(environment)) {
    throw new AppError('USAGE', 'No file of variables is read in CI', {
      hint: 'Name each variable in the workflow (env:), so that one that is missing is noticed.',
    });
  }
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw toAppError(error, 'CONFIG_INVALID', `${path} cannot be read`);
  });
  const merged: NodeJS.ProcessEnv = { ...parseEnvFile(text, path), ...environment };
  files.set(merged, path);
  return merged;
}

/**
 * Reads lines of `NAME=value`: `export` before them, comments and blank lines are allowed. Within double quotes a value may have several lines,
 * `\n`, `\"` and `\\`; within single quotes it is as it stands; without quotes it ends before ` #`. Nothing is expanded.
 * @throws AppError CONFIG_INVALID: a line that means nothing is a fault, not a comment
 */
export function parseEnvFile(text: string, path: string): Record<string, string> {
  const found: Record<string, string> = {};
  const faults: Fault[] = [];
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const fault = (message: string): void => void faults.push({ message, file: path, line: at + 1, column: 1 });
    if (/^\s*(#|$)/.test(line)) continue;
    const [, name, rest = ''] = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line) ?? [];
    if (name === undefined) {
      fault('is no NAME=value (no space may stand around "=")');
      continue;
    }
    if (Object.hasOwn(found, name)) fault(`${name} is here twice`);
    const quote = /^["']/.exec(rest)?.[0];
    if (quote === undefined) {
      found[name] = rest.replace(/\s+#.*$/, '').trim();
      continue;
    }
    const begin = at;
    let body = rest.slice(1);
    while (!closed(body, quote) && at + 1 < lines.length) body += `\n${lines[(at += 1)]}`;
    const [, inside, after = ''] = closed(body, quote) ?? [];
    if (inside === undefined) {
      at = begin;
      fault(`${name}: the quote that begins here has no end`);
      continue;
    }
    if (!/^\s*(#.*)?$/.test(after)) fault(`${name}: something follows the value`);
    found[name] =
      quote === '"' ? inside.replaceAll(/\\(n|"|\\)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter)) : inside;
  }
  if (faults.length > 0) throw new AppError('CONFIG_INVALID', `${path} is no file of variables`, { faults });
  return found;
}

function closed(body: string, quote: string): RegExpExecArray | null {
  return quote === '"' ? /^((?:[^"\\]|\\.)*)"([^\n]*)$/s.exec(body) : /^([^']*)'([^\n]*)$/.exec(body);
}
