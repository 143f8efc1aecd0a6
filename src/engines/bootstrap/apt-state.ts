import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../util/digest.ts';
import { AppError } from '../../util/errors.ts';
import { exec, type ExecResult } from '../../util/exec.ts';

/** A signed package repository, as apt is asked for it. */
export interface Repository {
  id: string;
  uri: string;
  suite: string;
  components: string[];
  /** A file of OpenPGP public keys; nothing else may sign this repository. */
  keyring: string;
}

/** A folder in which apt works on its own, knowing nothing of the host's configuration, sources or installed packages. */
export interface AptState {
  dir: string;
  repositories: Repository[];
}

/** Makes (or reuses) the private apt folder for these repositories. */
export async function openAptState(dir: string, repositories: Repository[]): Promise<AptState> {
  for (const folder of ['lists/partial', 'cache/archives/partial', 'etc/apt.conf.d', 'etc/preferences.d', 'dpkg']) {
    await mkdir(join(dir, folder), { recursive: true });
  }
  const sources = repositories.map(
    ({ uri, suite, components, keyring }) =>
      `deb [signed-by=${keyring}] ${uri} ${suite}${suite.endsWith('/') ? '' : ` ${components.join(' ')}`}\n`,
  );
  await writeFile(join(dir, 'etc/sources.list'), sources.join(''));
  await writeFile(join(dir, 'dpkg/status'), '');
  await writeFile(join(dir, 'apt.conf'), aptConfiguration(dir));
  return { dir, repositories };
}

function aptConfiguration(dir: string): string {
  const options: Record<string, string> = {
    'Dir::State': dir,
    'Dir::State::lists': `${dir}/lists`,
    'Dir::State::status': `${dir}/dpkg/status`,
    'Dir::Cache': `${dir}/cache`,
    'Dir::Etc': `${dir}/etc`,
    'Dir::Etc::sourcelist': `${dir}/etc/sources.list`,
    'Dir::Etc::sourceparts': '-',
    'Dir::Etc::parts': `${dir}/etc/apt.conf.d`,
    'Dir::Etc::main': '/dev/null',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    'Acquire::http::Timeout': '20',
    'Acquire::ForceHash': 'SHA256',
    'Acquire::GzipIndexes': 'false',
    'APT::Architecture': 'amd64',
    'APT::Architectures': 'amd64',
    'APT::Install-Recommends': 'false',
    'APT::Sandbox::User': '',
    'APT::Update::Error-Mode': 'any',
    'Debug::NoLocking': '1',
  };
  return Object.entries(options)
    .map(([key, value]) => `${key} "${value}";\n`)
    .join('');
}

/** Runs an apt command inside the private folder. */
export async function runApt(state: AptState, argv: string[], signal: AbortSignal, okExitCodes = [0]): Promise<ExecResult> {
  return exec(argv, { env: { APT_CONFIG: join(state.dir, 'apt.conf'), LC_ALL: 'C' }, signal, okExitCodes });
}

/** Fetches and verifies the indexes. @throws AppError SIGNATURE_INVALID, MIRROR_UNREACHABLE */
export async function updateIndexes(state: AptState, signal: AbortSignal): Promise<void> {
  const result = await runApt(state, ['apt-get', '-q', 'update'], signal, [0, 100]);
  if (result.exitCode === 0) return;
  // The reason of an "Err:" stands on the next line.
  const output = `${result.stdout}${result.stderr}`.replaceAll(/^(Err:.*)\n +(.*)$/gm, '$1: $2');
  const lines = output.split('\n').filter((line) => /^(E|W|Err)[:\s]/.test(line));
  const text = lines.join('\n');
  const faults = lines.map((message) => ({ message }));
  if (
    /NO_PUBKEY|BADSIG|EXPKEYSIG|REVKEYSIG|not signed|no longer signed|invalid signature|couldn't be verified|clearsigned|Splitting up|public key is not available/i.test(
      text,
    )
  ) {
    throw new AppError('SIGNATURE_INVALID', 'A package repository is not signed by its key', {
      faults,
      hint: 'Check the repository and its key; for Debian, upgrade debian-archive-keyring. Nothing was used.',
    });
  }
  if (/expired|not valid yet|Hash Sum mismatch|unexpected size/i.test(text)) {
    throw new AppError('SIGNATURE_INVALID', 'A package repository is out of date, or changed while it was read', {
      faults,
      hint: 'Check the clock of this machine, then try again; a mirror that stays out of date should be replaced.',
    });
  }
  throw new AppError(
    'MIRROR_UNREACHABLE',
    `The package indexes of ${state.repositories.map((r) => `${r.uri} ${r.suite}`).join(', ')} could not be fetched`,
    {
      faults,
      hint: 'Check the network, the proxy, and the address and suite of the repository; --offline uses what the cache holds.',
    },
  );
}

/** The verified release file of a repository: its digest, and its date in seconds since 1970. */
export async function releaseFile(
  state: AptState,
  repository: Repository,
): Promise<{ sha256: string; date: number } | undefined> {
  const stem = releaseStem(repository);
  const names = await readdir(join(state.dir, 'lists'));
  const name =
    names.find((candidate) => candidate === `${stem}InRelease`) ?? names.find((candidate) => candidate === `${stem}Release`);
  if (name === undefined) return undefined;
  const bytes = await readFile(join(state.dir, 'lists', name));
  const date = Date.parse(/^Date: (.*)$/m.exec(bytes.toString('latin1'))?.[1] ?? '');
  return { sha256: digestOf(bytes).slice('sha256:'.length), date: Math.floor(date / 1000) };
}

/** apt's name for a file of a repository in its lists folder, up to the last part. */
function releaseStem({ uri, suite }: Repository): string {
  const place = suite.endsWith('/') ? `${uri}/${suite === '/' ? '' : suite}` : `${uri}/dists/${suite}/`;
  return place
    .replace(/^[a-z]+:\/*(?:[^@/]*@)?/, (scheme) => (scheme.startsWith('file') ? '/' : ''))
    .replaceAll('_', '%5f')
    .replaceAll('/', '_');
}
