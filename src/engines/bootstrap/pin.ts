import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DistroRepository } from '../../model/distro.ts';
import type { Pinned, PinRequest } from '../../model/engine.ts';
import type { Plan } from '../../model/plan.ts';
import type { StepContext } from '../../model/step.ts';
import { shortDigest } from '../../util/digest.ts';
import { AppError } from '../../util/errors.ts';
import { writeFileAtomic } from '../../util/files.ts';
import { aptSource, ownRepositories } from '../shared/own-repositories.ts';
import type { Repository } from './apt-state.ts';
import { findMirrors, mirrorOf, type Mirrors, officialMirrors } from './mirrors.ts';
import { resolvePackages } from './resolve.ts';

export interface PinConfig {
  mirrors: Mirrors;
  guestMirrors: Mirrors;
}

/** Resolves a template's packages to exact versions, and writes down the sources that its image will have. */
export async function pinPackages(
  request: PinRequest,
  config: PinConfig,
  ctx: Pick<StepContext, 'cacheDir' | 'offline' | 'signal' | 'emit'>,
): Promise<Pinned> {
  const { template, arch, distro, release, repositoryKeys } = request;
  const { kernel, platforms, packages, disk } = template;
  if (!distro.bootstrap) throw new TypeError(`${distro.id} has no facts for this engine`);
  const facts = distro.bootstrap(release, { arch, kernel, set: packages.set, platforms, firmware: disk.firmware });
  const mirrors = await findMirrors(config.mirrors);
  const own = await Promise.all(
    template.repositories.map(async ({ name, uri, suite, components }): Promise<Repository> => {
      const keyring = await keepKey(repositoryKeys[name], ctx.cacheDir);
      return { id: name, uri: uri.replace(/\/+$/, ''), suite, components, keyring };
    }),
  );
  const repositories = facts.repositories.map(
    (item): Repository => ({
      id: item.id,
      uri: sourceOf(item, template.snapshot, mirrors),
      suite: item.suite,
      components: item.components,
      keyring: facts.keyring.path,
    }),
  );
  const lock = await resolvePackages(
    {
      repositories: [...repositories, ...own],
      packages: [...facts.packages, ...packages.add].filter((name) => !packages.remove.includes(name)),
      excluded: packages.remove,
      tools: facts.tools,
    },
    ctx,
  );
  const guest = { ...mirrors, ...(await officialMirrors()), ...config.guestMirrors };
  const stanzas = [
    ...groupByMirror(facts.repositories).map(([mirror, items]) =>
      aptSource(
        mirrorOf(guest, mirror),
        items.map(({ suite }) => suite),
        items[0]?.components ?? [],
        facts.keyring.path,
      ),
    ),
    ...ownRepositories({ template, keys: repositoryKeys }).map(({ sources }) => sources.text),
  ];
  return { lock, guestSources: stanzas.join('\n') };
}

/** Copies a key to a place in the cache whose name tells its content and, for apt, its kind. */
async function keepKey(key: Plan['keys'][string] | undefined, cacheDir: string): Promise<string> {
  if (key === undefined) throw new TypeError('a repository has no key');
  const path = join(cacheDir, 'apt-keys', shortDigest(key.digest), key.file);
  await mkdir(dirname(path), { recursive: true });
  await writeFileAtomic(path, await readFile(key.source));
  return path;
}

function sourceOf(item: DistroRepository, snapshot: string | undefined, mirrors: Mirrors): string {
  if (snapshot === undefined) return mirrorOf(mirrors, item.mirror);
  const archive = mirrors['snapshot'];
  if (archive === undefined) {
    throw new AppError('CONFIG_INVALID', 'The template asks for a snapshot, but no snapshot archive is known', {
      hint: 'Set mirrors: { snapshot: https://snapshot.mirror.example/archive } in gabarit.yaml.',
    });
  }
  return `${archive}/${item.mirror}/${snapshot}`;
}

function groupByMirror(repositories: DistroRepository[]): [string, DistroRepository[]][] {
  return [...Map.groupBy(repositories, ({ mirror }) => mirror)];
}
