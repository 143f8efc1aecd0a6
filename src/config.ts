import { readFile, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Document, isNode, LineCounter, parseDocument, visit } from 'yaml';
import { z } from 'zod';
import { sizeSchema } from './model/size.ts';
import { type ServerSettings, serverSettingsSchema } from './model/server-settings.ts';
import { type StoreSettings, storesSchema } from './model/store-settings.ts';
import { credentialPattern } from './util/credential.ts';
import { type XcpNgSettings, xcpNgSettingsSchema } from './targets/xcp-ng/settings.ts';
import { editYaml } from './util/edit-yaml.ts';
import { AppError, errnoOf, type Fault, toAppError } from './util/errors.ts';
import { writeFileAtomic } from './util/files.ts';

/** What a person sets once for all commands: the file `gabarit.yaml`, then the environment, then flags; the later wins. */

const mirrors = z.record(
  z.string().regex(/^[a-z0-9-]+$/),
  z.string().regex(/^(https?|file):\/\//, 'must be an http, https or file URL'),
);

const signing = z.strictObject({
  key: z
    .string()
    .regex(credentialPattern, 'must be env:NAME or file:PATH, never the key itself')
    .optional()
    .describe('The key that signs, instead of the one called default in the folder of this user; GABARIT_SIGNING'),
  fingerprints: z
    .array(z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hex digits, as gabarit key ls shows them'))
    .default([])
    .describe('A store that is new to this machine is trusted only when one of these keys has signed it'),
});

const catalog = z.strictObject({
  approvals: z
    .record(z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be the name of a channel'), z.int().min(1).max(10))
    .default({})
    .describe('How many people must approve before a channel moves, by its name; the one who proposes is the first'),
});

const targetName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/);
const notATargetName = 'the name must be lower-case letters, digits, ".", "_" and "-", starting with a letter or digit';

/** What each kind of target wants to be told. */
const targetSchema = z.discriminatedUnion('kind', [xcpNgSettingsSchema], { error: 'must have a "kind": xcp-ng' });
export type TargetSettings = XcpNgSettings;

const fileSchema = z.strictObject({
  cacheDir: z.string().optional().describe('The build cache; GABARIT_CACHE'),
  cacheLimit: sizeSchema.prefault('40GiB').describe('What the cache may hold before the oldest parts are removed'),
  outputDir: z.string().optional().describe('Where images are written; GABARIT_OUT'),
  templateDirs: z.array(z.string()).default([]).describe('Further folders of definitions'),
  mirrors: mirrors.default({}).describe('Where to fetch packages from: debian, debian-security, snapshot'),
  guestMirrors: mirrors.default({}).describe('What the sources of an image name instead of what the distribution recommends'),
  stores: storesSchema.default({}).describe('Stores that have a name, for --store NAME'),
  catalog: catalog.prefault({}).describe('Rules for moving channels'),
  signing: signing.prefault({}).describe('Who signs, and who is believed'),
  server: serverSettingsSchema.prefault({}).describe('gabarit serve'),
  targets: z
    .record(targetName, targetSchema, { error: ({ code }) => (code === 'invalid_key' ? notATargetName : undefined) })
    .default({})
    .describe('Places that run machines, for --target NAME'),
});

export interface Config {
  cacheDir: string;
  /** Bytes. */
  cacheLimit: number;
  outputDir: string;
  templateDirs: string[];
  mirrors: Record<string, string>;
  guestMirrors: Record<string, string>;
  stores: Record<string, StoreSettings>;
  targets: Record<string, TargetSettings>;
  server: ServerSettings;
  /** Where templates are written that people change in the web page. */
  ownTemplatesDir: string;
  /** What this user's commands remember from one to the next: it is no cache, and may not be deleted without loss. */
  stateDir: string;
  /** PostgreSQL, which several servers and workers share; without it, the server has a database of its own in `stateDir`. */
  databaseUrl: string | undefined;
  /** Where the screens of machines are shown while they run: the server gives each job a folder, by GABARIT_CONSOLES. */
  consoleDir: string | undefined;
  catalog: z.output<typeof catalog>;
  signing: z.output<typeof signing>;
  /** The signing keys of this user. */
  keysDir: string;
}

export interface ConfigFlags {
  cacheDir?: string;
  outputDir?: string;
  /** Instead of `gabarit.yaml` in the working folder. */
  configFile?: string;
  /** A file with variables that the environment lacks. */
  envFile?: string;
}

/** Reads the configuration. @throws AppError CONFIG_INVALID */
export async function readConfig(flags: ConfigFlags, environment: NodeJS.ProcessEnv, shippedTemplates: string): Promise<Config> {
  const file = await readConfigFile(flags.configFile);
  const set = (value: string | undefined): string | undefined => (value === '' ? undefined : value);
  const home = set(environment['HOME']) ?? homedir();
  const cacheHome = set(environment['XDG_CACHE_HOME']) ?? join(home, '.cache');
  const stateHome = set(environment['XDG_STATE_HOME']) ?? join(home, '.local/state');
  const dataHome = set(environment['XDG_DATA_HOME']) ?? join(home, '.local/share');
  const stateDir = resolve(set(environment['GABARIT_STATE']) ?? join(stateHome, 'gabarit'));
  const ownTemplatesDir = resolve(file.server.templates ?? join(stateDir, 'templates'));
  return {
    cacheDir: resolve(flags.cacheDir ?? set(environment['GABARIT_CACHE']) ?? file.cacheDir ?? join(cacheHome, 'gabarit')),
    cacheLimit: file.cacheLimit,
    outputDir: resolve(flags.outputDir ?? set(environment['GABARIT_OUT']) ?? file.outputDir ?? 'out'),
    templateDirs: [
      ...new Set([
        ownTemplatesDir,
        resolve('templates'),
        ...file.templateDirs.map((folder) => resolve(folder)),
        shippedTemplates,
      ]),
    ],
    mirrors: file.mirrors,
    guestMirrors: file.guestMirrors,
    stores: file.stores,
    catalog: file.catalog,
    targets: file.targets,
    server: file.server,
    databaseUrl: set(environment['DATABASE_URL']),
    consoleDir: set(environment['GABARIT_CONSOLES']),
    ownTemplatesDir,
    stateDir,
    signing: { ...file.signing, ...signingKeyFrom(environment) },
    keysDir: resolve(set(environment['GABARIT_KEYS']) ?? join(dataHome, 'gabarit/keys')),
  };
}

/** GABARIT_SIGNING names the key where there is no file to say it: in CI. */
function signingKeyFrom(environment: NodeJS.ProcessEnv): { key?: string } {
  const key = environment['GABARIT_SIGNING'];
  if (!key) return {};
  if (credentialPattern.test(key)) return { key };
  throw new AppError('CONFIG_INVALID', 'The variable GABARIT_SIGNING must be env:NAME or file:PATH, never the key itself');
}

/**
 * Writes settings of a store into the configuration file, which is made when there is none. Returns its path.
 * @throws AppError CONFIG_INVALID
 */
export async function writeStoreSettings(
  configFile: string | undefined,
  name: string,
  settings: Readonly<Record<string, unknown>>,
): Promise<string> {
  const path = configFile ?? 'gabarit.yaml';
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw toAppError(error, 'CONFIG_INVALID', `${path} cannot be read`);
    return '';
  });
  try {
    // What the name points at is replaced, not the name.
    const target = text === '' ? path : await realpath(path);
    const mode = text === '' ? 0o644 : (await stat(target)).mode & 0o777;
    await writeFileAtomic(target, editYaml(text, ['stores', name], settings), mode);
  } catch (error) {
    throw toAppError(error, 'CONFIG_INVALID', `${path} cannot be written`);
  }
  return path;
}

async function readConfigFile(named: string | undefined): Promise<z.output<typeof fileSchema>> {
  const path = named ?? 'gabarit.yaml';
  let text = '';
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (named !== undefined || errnoOf(error) !== 'ENOENT')
      throw new AppError('CONFIG_INVALID', `${path} cannot be read`, { cause: error });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const faults: Fault[] = document.errors.map((error) => ({
    message: error.message.split('\n')[0] ?? '',
    file: path,
    line: error.linePos?.[0].line ?? 1,
    column: error.linePos?.[0].col ?? 1,
  }));
  visit(document, {
    Alias(_, { source, range }) {
      const { line, col } = lines.linePos(range?.[0] ?? 0);
      faults.push({ message: `An alias (*${source}) is not possible here`, file: path, line, column: col });
    },
  });
  const parsed = fileSchema.safeParse((faults.length === 0 ? document.toJS({ maxAliasCount: 0 }) : undefined) ?? {});
  if (parsed.success && faults.length === 0) return parsed.data;
  const issues = parsed.success
    ? []
    : parsed.error.issues.map((issue) => ({
        message: [issue.path.join('.'), issue.message].filter(Boolean).join(': '),
        file: path,
        ...placeOf(issue, document, lines),
      }));
  throw new AppError('CONFIG_INVALID', `${path} is not right`, { faults: [...faults, ...issues] });
}

/** Where the value lies that an issue is about, or the nearest map around it. */
function placeOf(issue: z.core.$ZodIssue, document: Document, lines: LineCounter): Pick<Fault, 'line' | 'column'> {
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const path = unknown === undefined ? issue.path : [...issue.path, unknown];
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true);
    if (!isNode(node) || !node.range) continue;
    const { line, col } = lines.linePos(node.range[0]);
    return { line, column: col };
  }
  return {};
}
