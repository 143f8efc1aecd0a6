import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { distance } from 'fastest-levenshtein';
import { type LockedPackage, type LockedRepository, type Lock, lockSchema } from '../../model/lock.ts';
import { digestOf, digestOfJson, shortDigest } from '../../util/digest.ts';
import { AppError } from '../../util/errors.ts';
import type { Emit } from '../../util/events.ts';
import { writeJson } from '../../util/files.ts';
import { lockFile } from '../../util/lock-file.ts';
import { type AptState, openAptState, releaseFile, type Repository, runApt, updateIndexes } from './apt-state.ts';

export interface ResolveRequest {
  repositories: Repository[];
  /** Names to install, besides all packages marked Essential. */
  packages: string[];
  /** Names that must not be installed. */
  excluded: string[];
  /** Packages to unpack beside the image. */
  tools: string[];
}

export interface ResolveContext {
  cacheDir: string;
  offline: boolean;
  signal: AbortSignal;
  emit: Emit;
}

/**
 * Pins every package of an image: apt itself resolves the names against signed indexes, in a folder of its own. When no index
 * has changed since the same question was last answered, the answer is reused (one small conditional request per repository).
 */
export async function resolvePackages(request: ResolveRequest, ctx: ResolveContext): Promise<Lock> {
  const root = join(ctx.cacheDir, 'apt', shortDigest(digestOfJson(request.repositories)));
  const answers = join(root, 'answers');
  await mkdir(answers, { recursive: true });
  const lock = await lockFile(join(root, 'lock'), {
    signal: ctx.signal,
    onWait: () =>
      ctx.emit({ type: 'log', level: 'info', message: 'Waiting for another build that reads the same package indexes' }),
  });
  try {
    const state = await openAptState(join(root, 'state'), request.repositories);
    if (!(await indexesAreCurrent(state, ctx))) {
      if (ctx.offline) {
        throw new AppError('MIRROR_UNREACHABLE', 'The cache holds no package indexes for this template', {
          hint: 'Build it once without --offline.',
        });
      }
      await updateIndexes(state, ctx.signal);
    }
    const repositories = await lockedRepositories(state);
    const { repositories: _, ...question } = request;
    const answer = join(
      answers,
      `${shortDigest(digestOfJson({ question, releases: repositories.map((r) => r.inReleaseSha256) }))}.json`,
    );
    const known = lockSchema.safeParse(await readJson(answer));
    if (known.success) return known.data;
    const packages = await solve(state, request, ctx.signal);
    const result: Lock = { repositories, packages };
    await writeJson(answer, result);
    return result;
  } finally {
    await lock?.release();
  }
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined; // Absent or cut short: it is asked again.
  }
}

/** Whether the mirrors still serve the very release files that the state was made from. */
async function indexesAreCurrent(state: AptState, ctx: ResolveContext): Promise<boolean> {
  const current = await Promise.all(
    state.repositories.map(async (repository) => {
      const held = await releaseFile(state, repository);
      if (held === undefined) return false;
      if (ctx.offline) return true;
      if (!/^https?:/.test(repository.uri)) return false;
      try {
        const url = repository.suite.endsWith('/')
          ? `${repository.uri}/${repository.suite}InRelease`
          : `${repository.uri}/dists/${repository.suite}/InRelease`;
        const response = await fetch(url, { signal: AbortSignal.any([ctx.signal, AbortSignal.timeout(10_000)]) });
        return response.ok && digestOf(new Uint8Array(await response.arrayBuffer())) === `sha256:${held.sha256}`;
      } catch {
        return false; // apt asks again, and explains.
      }
    }),
  );
  return current.every(Boolean);
}

async function lockedRepositories(state: AptState): Promise<LockedRepository[]> {
  return Promise.all(
    state.repositories.map(async (repository) => {
      const { id, uri, suite, components } = repository;
      const release = await releaseFile(state, repository);
      if (release === undefined || Number.isNaN(release.date)) {
        throw new AppError('MIRROR_UNREACHABLE', `${uri} ${suite} has no dated release file`, {
          hint: 'Check the address and the suite of the repository.',
        });
      }
      return { id, uri, suite, components, inReleaseSha256: release.sha256, date: release.date };
    }),
  );
}

async function solve(state: AptState, request: ResolveRequest, signal: AbortSignal): Promise<LockedPackage[]> {
  const image = ['?essential', ...request.packages, ...request.excluded.map((name) => `${name}-`)];
  const [inImage, withTools] = await Promise.all([
    printUris(state, image, signal),
    request.tools.length > 0 ? printUris(state, [...image, ...request.tools], signal) : [],
  ]);
  const installed = new Set(inImage.map((item) => item.sha256));
  const tools = withTools.filter((item) => !installed.has(item.sha256));
  const packages = [
    ...inImage.map((item) => ({ ...item, role: 'image' as const })),
    ...tools.map((item) => ({ ...item, role: 'tools' as const })),
  ];
  return packages.toSorted((a, b) => (a.name === b.name ? (a.role < b.role ? -1 : 1) : a.name < b.name ? -1 : 1));
}

async function printUris(state: AptState, names: string[], signal: AbortSignal): Promise<Omit<LockedPackage, 'role'>[]> {
  const result = await runApt(state, ['apt-get', 'install', '--print-uris', '-y', '-q', '--', ...names], signal, [0, 100]);
  if (result.exitCode !== 0) throw await explain(state, `${result.stdout}${result.stderr}`, signal);
  const packages: Omit<LockedPackage, 'role'>[] = [];
  for (const line of result.stdout.split('\n')) {
    const match = /^'([^']+)' (\S+)_(\S+)_(\S+)\.deb (\d+) SHA256:([0-9a-f]{64})$/.exec(line);
    if (!match) continue;
    const [, url = '', name = '', version = '', architecture = '', size = '', sha256 = ''] = match;
    const repository = state.repositories.find(({ uri }) => url.startsWith(`${uri}/`));
    if (repository === undefined)
      throw new AppError('BUILD_FAILED', `apt wants ${url}, which belongs to no repository of this build`);
    packages.push({
      name,
      version: decodeURIComponent(version),
      architecture,
      sha256,
      size: Number(size),
      repository: repository.id,
      path: url.slice(repository.uri.length + 1),
    });
  }
  return packages;
}

/** Turns apt's refusal into our error: every unknown package with the names that come near. */
async function explain(state: AptState, output: string, signal: AbortSignal): Promise<AppError> {
  const unknown = [
    ...output.matchAll(/^E: (?:Unable to locate package|Package '|Couldn't find any package by \w+ ')\s*'?([^'\s]+)/gm),
  ].map((match) => match[1] ?? '');
  if (unknown.length > 0) {
    const { stdout } = await runApt(state, ['apt-cache', 'pkgnames'], signal);
    const names = stdout.split('\n').filter(Boolean);
    const faults = [...new Set(unknown)].map((name) => {
      const near = names
        .map((candidate) => ({ candidate, cost: distance(name, candidate) }))
        .filter(({ candidate, cost }) => cost <= Math.max(2, name.length / 4) || (name.length > 3 && candidate.startsWith(name)))
        .toSorted((a, b) => a.cost - b.cost)
        .slice(0, 3)
        .map(({ candidate }) => candidate);
      return { message: `no package is called "${name}"${near.length > 0 ? `; did you mean ${near.join(', ')}?` : ''}` };
    });
    return new AppError(
      'PACKAGE_NOT_FOUND',
      `${faults.length === 1 ? 'A package does' : 'Packages do'} not exist in the repositories of this template`,
      {
        faults,
        hint: 'Correct packages.add, or add the repository that has it.',
      },
    );
  }
  const faults = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /Depends:|Conflicts:|Breaks:|^E:/.test(line))
    .map((message) => ({ message }));
  return new AppError('PACKAGE_NOT_FOUND', 'The packages cannot be installed together', {
    faults,
    hint: 'A package may need one that packages.remove excludes, or that is only in another release.',
  });
}
