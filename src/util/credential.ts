import { readFile } from 'node:fs/promises';
import { AppError, errnoOf } from './errors.ts';
import { envFileOf } from './env-file.ts';
import { registerSecret } from './redact.ts';

/** A credential is named by where it lies, never by its value: `env:NAME` or `file:PATH`. It is read when it is used. */
export const credentialPattern = /^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/;

type Environment = Readonly<NodeJS.ProcessEnv>;

/**
 * The value that a reference names, without white space at its ends; from now on it is removed from all output.
 * @throws AppError CONFIG_INVALID, naming where it was looked for
 */
export async function readCredential(reference: string, environment: Environment): Promise<string> {
  const found = await find(reference, environment);
  // Also the form as it came, in case that it is said by somebody else.
  registerSecret(found);
  const value = mendKey(found.replaceAll('\r\n', '\n').trim());
  if (value === '') {
    throw new AppError('CONFIG_INVALID', `The credential ${reference} is empty${foundIn(reference, environment)}`, {
      hint: hintFor(environment) ?? 'Set it, or name another place in the configuration.',
    });
  }
  refuseDamaged(reference, value);
  registerSecret(value);
  return value;
}

/**
 * Several at once, in their order; all that are missing are told of together.
 * @throws AppError CONFIG_INVALID, with a fault for each
 */
export async function readCredentials(references: readonly string[], environment: Environment): Promise<string[]> {
  const results = await Promise.allSettled(references.map((reference) => readCredential(reference, environment)));
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  const [first, second] = failures;
  if (first === undefined) return results.map((result) => (result.status === 'fulfilled' ? result.value : ''));
  if (second === undefined || !failures.every((failure) => failure instanceof AppError)) throw first;
  throw new AppError('CONFIG_INVALID', `${failures.length} credentials cannot be used`, {
    cause: first,
    faults: failures.map(({ message }) => ({ message })),
    ...(failures[0]?.hint === undefined ? {} : { hint: failures[0].hint }),
  });
}

async function find(reference: string, environment: Environment): Promise<string> {
  const name = reference.slice(reference.indexOf(':') + 1);
  if (reference.startsWith('env:')) {
    const value = environment[name];
    if (value !== undefined) return value;
    const file = envFileOf(environment);
    const where = file === undefined ? 'in the environment' : `in the environment, nor in ${file}`;
    throw new AppError('CONFIG_INVALID', `The credential ${reference} is missing: no variable ${name} is ${where}`, {
      hint: hintFor(environment) ?? `Set ${name}, or name another place in the configuration (file:PATH).`,
    });
  }
  if (!reference.startsWith('file:')) {
    throw new AppError('CONFIG_INVALID', 'A credential is written as env:NAME or file:PATH, never as its value');
  }
  try {
    return await readFile(name, 'utf8');
  } catch (cause) {
    const missing = errnoOf(cause) === 'ENOENT';
    const problem = missing ? 'is missing: there is no such file' : 'cannot be read';
    throw new AppError('CONFIG_INVALID', `The credential ${reference} ${problem}`, { cause });
  }
}

function foundIn(reference: string, environment: Environment): string {
  if (!reference.startsWith('env:')) return ': there is nothing in the file';
  const file = envFileOf(environment);
  return `: the variable is set${file === undefined ? '' : ` (in the environment, or in ${file})`}, and nothing is in it`;
}

/** CI systems set the variable of a secret that a job may not see, or that does not exist, to nothing. */
function hintFor(environment: Environment): string | undefined {
  if (environment['GITHUB_ACTIONS'] === 'true')
    return 'A secret that the workflow names and that does not exist is empty; pull requests from forks get none, and a job sees those of an environment only when it names it (environment:).';
  if (environment['GITLAB_CI'] === 'true') return 'Protected variables reach protected branches and tags only; forks get none.';
  return undefined;
}

/** What passes for a value and is none. Nothing is guessed: a key that was cut off would be refused by the server, without a reason. */
function refuseDamaged(reference: string, value: string): void {
  const refuse = (problem: string, hint: string): never => {
    throw new AppError('CONFIG_INVALID', `The credential ${reference} ${problem}`, { hint });
  };
  if (/^(\*{3,}|\[(masked|redacted|secure)\]|x{8,})$/i.test(value))
    refuse(
      'holds the mask that is shown in its place, not the value',
      'Somebody copied it from a log or a page: set the value itself.',
    );
  if (/^\$\{\{.*\}\}$|^\$\{?[A-Za-z_][A-Za-z0-9_]*\}?$|^%[A-Za-z_]\w*%$/s.test(value))
    refuse(
      'holds an expression that nobody has filled in',
      'Expressions are filled in by the workflow (env:), not in the value of a secret.',
    );
  if (/^(["'`]).*\1$/s.test(value))
    refuse('stands in quotes, which would become part of it', 'Remove the quotes: the value of a variable needs none.');
  if (/-----BEGIN [A-Z0-9 ]+-----/.test(value) && !/-----BEGIN ([A-Z0-9 ]+)-----\n[^]+\n-----END \1-----$/.test(value))
    refuse(
      'holds a key that is cut off',
      'A key ends with its line "-----END ...-----". In an env file, put all its lines between double quotes.',
    );
}

/** A key in PEM whose line breaks became `\n` or spaces, as happens in variables of one line, has only one possible form. */
function mendKey(value: string): string {
  const [, kind, body] =
    /^-----BEGIN ([A-Z0-9 ]+)-----(?:\\n|\s)+([A-Za-z0-9+/=\s\\]+?)(?:\\n|\s)+-----END \1-----(?:\\n)?$/.exec(value) ?? [];
  if (kind === undefined || body === undefined) return value;
  const base64 = body.replaceAll('\\n', '').replaceAll(/\s+/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return value;
  return [`-----BEGIN ${kind}-----`, ...(base64.match(/.{1,64}/g) ?? []), `-----END ${kind}-----`].join('\n');
}
