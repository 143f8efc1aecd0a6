import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as registry from '../src/distros/index.ts';
import type { Distro, Release } from '../src/model/distro.ts';
import { platformIds, platforms } from '../src/model/platform.ts';
import { engineIds } from '../src/model/template.ts';
import type { VendorFile } from '../src/model/vendor-file.ts';

/** docs/reference/operating-systems.md: what the facts in src/distros say, as tables. */

const distros: Distro[] = Object.values(registry).toSorted((a, b) => (a.title < b.title ? -1 : 1));
const all = distros.flatMap((distro) => distro.releases.map((release) => ({ distro, release })));

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function shortTitle({ title }: Release): string {
  return title.replaceAll('"', '');
}

function proofOf(files: readonly VendorFile[], none: string): string {
  const [file] = files;
  if (!file) return none;
  const { signature, digests } = file;
  const how = {
    detached: 'a signature beside it',
    clearsigned: 'signed itself',
    none: 'no signature: a digest or a key must be given',
  }[signature.kind];
  const key = signature.kind === 'none' ? undefined : signature.key.fingerprints[0];
  const brought = signature.kind === 'none' ? undefined : signature.key.keyring?.package;
  const told = key === undefined ? '' : ` (key \`…${key.slice(-16)}\`${brought === undefined ? '' : `, package \`${brought}\``})`;
  return `${digests.algorithm.toUpperCase()}, ${how}${told}`;
}

/** What each engine needs, by the facts alone. */
function engineCell(engine: (typeof engineIds)[number], distro: Distro, { media, cloudImages }: Release): string {
  if (engine === 'bootstrap') return distro.bootstrap ? 'from packages' : '—';
  const [file] = engine === 'cloud-image' ? cloudImages : media;
  const obstacles = [
    ...(file?.signature.kind === 'none' ? ['nothing proves it'] : []),
    ...(engine === 'cloud-image' && cloudImages[0]?.obstacle !== undefined ? [cloudImages[0].obstacle] : []),
  ];
  if (file === undefined) return 'own file';
  return obstacles.length > 0 ? `own file (the vendor's: ${obstacles.join('; ')})` : "vendor's";
}

function reference(): string {
  const support = table(
    ['release', 'code name', 'packages', 'regular support until', 'all support until'],
    all.map(({ distro, release: { id, codename, endOfLife, title } }) => [
      shortTitle({ title } as Release),
      codename === id ? '' : `\`${codename}\``,
      distro.family,
      endOfLife.full,
      endOfLife.lts === endOfLife.full ? '' : endOfLife.lts,
    ]),
  );
  const engines = table(
    ['release', ...engineIds, 'installer', 'answers reach it by'],
    all.map(({ distro, release }) => [
      shortTitle(release),
      ...engineIds.map((engine) => engineCell(engine, distro, release)),
      `${release.installer.kind} (${release.installer.answers})`,
      release.installer.deliver
        .map((way) =>
          way.by === 'volume'
            ? `a volume \`${way.volumeId}\``
            : way.by === 'initrd'
              ? 'the initrd'
              : way.by === 'argument'
                ? `\`${way.argument}\``
                : 'a repacked medium',
        )
        .join(', '),
    ]),
  );
  const agents = table(
    ['release', ...platformIds.map((id) => platforms[id].title), 'kernel', 'initramfs', 'network'],
    all.map(({ release }) => {
      const { guest } = release;
      return [
        shortTitle(release),
        ...platformIds.map((id) => {
          const agent = guest.agents[id];
          return agent === undefined
            ? '—'
            : `${agent.packages.map((name) => `\`${name}\``).join(', ')}${agent.repository === undefined ? '' : ` (${agent.repository})`}`;
        }),
        [...guest.kernel.full, ...(guest.kernel.cloud ?? [])].map((name) => `\`${name}\``).join(', '),
        guest.initramfs,
        guest.network,
      ];
    }),
  );
  const proofs = table(
    ['release', 'installation media', 'cloud image'],
    all.map(({ distro, release }) => {
      const none = distro.subscription === undefined ? 'none' : 'with a subscription of your own only';
      return [shortTitle(release), proofOf(release.media, none), proofOf(release.cloudImages, none)];
    }),
  );
  return `# Operating systems

Generated from the facts in \`src/distros/\`. What was really run, and where, stands in the README; a row here says only what is known of a release.

## Releases and their support
A release without any support is built with \`--allow-end-of-life\` only.

${support}

## Engines
\`from packages\`: made without an installer and without the vendor's files. \`vendor's\`: starts from what the vendor publishes for all.
\`own file\`: you name an image or a medium of your own. Which engines this version has, \`gabarit plan\` tells; it refuses what cannot be made, with the place in the definition.

${engines}

## Platforms: guest agents and drivers

${agents}

## How media and images are proven

${proofs}
`;
}

test('docs/reference/operating-systems.md is fresh (vitest -u writes it)', async () => {
  await expect(reference()).toMatchFileSnapshot(join(import.meta.dirname, '../docs/reference/operating-systems.md'));
});
