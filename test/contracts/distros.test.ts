import { describe, expect, test } from 'vitest';
import * as registry from '../../src/distros/index.ts';
import { type Distro, families, findRelease, packageUses, type Release } from '../../src/model/distro.ts';
import { type AnswersFormat, answersFormats, type InstallerKind, installerKinds } from '../../src/model/installer.ts';
import { platformIds, platforms } from '../../src/model/platform.ts';
import { distroIds } from '../../src/model/template.ts';
import type { SigningKey, VendorFile } from '../../src/model/vendor-file.ts';
import { exec } from '../../src/util/exec.ts';
import { hasTool, needs } from '../tools.ts';

/** What every distribution must say of itself, so that engines, steps and checks can rely on it. */

const distros: Distro[] = Object.values(registry);
const isoDate = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
/** Names of packages that dpkg and rpm both could have. */
const packageName = /^[A-Za-z0-9][A-Za-z0-9+._-]+$/;
const unitName = /^[a-z0-9][a-z0-9@-]*$/;
const answersOf: Record<InstallerKind, AnswersFormat> = {
  'debian-installer': 'preseed',
  subiquity: 'autoinstall',
  anaconda: 'kickstart',
  autoyast: 'autoyast',
  agama: 'agama',
};

test('the template schema knows exactly these distributions', () => {
  expect(distros.map(({ id }) => id).toSorted()).toEqual([...distroIds].toSorted());
  expect(new Set(distros.map(({ osReleaseId }) => osReleaseId)).size).toBe(distros.length);
});

describe.each(distros)('$id', (distro) => {
  test('says what it is', () => {
    expect(distro.id).toMatch(/^[a-z][a-z-]+$/);
    expect(distro.title).not.toBe('');
    expect(families).toContain(distro.family);
    expect(Object.keys(distro.arches).length).toBeGreaterThan(0);
    expect(distro.releases.length).toBeGreaterThan(0);
  });

  test('has releases that are told apart, the oldest first', () => {
    const names = distro.releases.flatMap(({ id, codename }) => [...new Set([id, codename])]);
    expect(new Set(names).size).toBe(names.length);
    const numbers = distro.releases.map(({ id }) => Number(id));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    for (const release of distro.releases) {
      expect(findRelease(distro, release.id)).toBe(release);
      expect(findRelease(distro, release.codename)).toBe(release);
      // What YAML makes of a number without quotes.
      expect(findRelease(distro, String(Number(release.id)))).toBe(release);
    }
  });

  test('has something to start from: packages, media and images, or a subscription', () => {
    for (const { media, cloudImages } of distro.releases) {
      if (distro.subscription === undefined) expect(media.length * cloudImages.length).toBeGreaterThan(0);
      else expect([...media, ...cloudImages]).toEqual([]);
    }
  });

  describe.each(distro.releases)('$id', (release) => {
    test('ends on days that exist, the long-term support not before the regular one', () => {
      for (const day of Object.values(release.endOfLife)) {
        expect(day).toMatch(isoDate);
        expect(new Date(day).toISOString().slice(0, 10)).toBe(day);
      }
      expect(release.endOfLife.lts >= release.endOfLife.full).toBe(true);
      expect(release.title).toContain(release.id);
      expect(release.codename).toMatch(/^[a-z0-9][a-z0-9.-]*$/);
    });

    test('has media and cloud images whose digests can be proven', () => {
      for (const file of [...release.media, ...release.cloudImages]) vendorFile(file, distro, release);
      expect(new Set(release.media.map(({ id }) => id)).size).toBe(release.media.length);
      for (const { obstacle } of release.cloudImages) if (obstacle !== undefined) expect(obstacle).toMatch(/^[a-z/].{10,}[^.]$/);
    });

    test('has an installer that takes answers of its own format without a key pressed', () => {
      const { installer } = release;
      expect(installerKinds).toContain(installer.kind);
      expect(answersFormats).toContain(installer.answers);
      expect(installer.answers).toBe(answersOf[installer.kind]);
      for (const path of [installer.boot.kernel, installer.boot.initrd]) expect(path).toMatch(/^\/[\w./-]+$/);
      expect(installer.deliver.length).toBeGreaterThan(0);
      for (const way of installer.deliver) {
        if (way.by === 'volume') {
          expect(way.volumeId).toMatch(/^\w{1,11}$/); // FAT's longest label
          expect(way.files.length).toBeGreaterThan(0);
          for (const path of way.files) expect(path).toMatch(/^\/[\w.-]+$/);
        }
        if (way.by === 'argument') expect(way.argument).toMatch(/^[^\s{}]+=\S*\{url\}$/);
        if (way.by === 'medium') expect(way.menus.length).toBeGreaterThan(0);
      }
    });

    test('names packages for every use, and units', () => {
      const { guest } = release;
      for (const use of packageUses) expect(guest.packages[use].length, use).toBeGreaterThan(0);
      const names = [...Object.values(guest.packages), guest.kernel.full, guest.kernel.cloud ?? []].flat();
      for (const name of names) expect(name).toMatch(packageName);
      for (const unit of Object.values(guest.units)) expect(unit).toMatch(unitName);
      expect(guest.cloudUser).toMatch(/^[a-z][a-z-]*$/);
      if (distro.family !== 'apt') expect(guest.initramfs).toBe('dracut');
      expect(guest.packages.initramfs).toContain(guest.initramfs);
      expect(guest.units.ssh).toBe(distro.family === 'apt' ? 'ssh' : 'sshd');
    });

    test('has an agent for every platform, and drivers for its disks and networks', () => {
      const { agents, absentModules } = release.guest;
      for (const id of platformIds) {
        const agent = agents[id];
        expect(agent?.packages.length, id).toBeGreaterThan(0);
        expect(agent?.unit).toMatch(unitName);
        const left = platforms[id].initramfsModules.filter((name) => !absentModules.includes(name));
        expect(left.length, `${id} has no driver left`).toBeGreaterThan(0);
      }
      const known = new Set(platformIds.flatMap((id) => platforms[id].initramfsModules));
      expect(absentModules.filter((name) => !known.has(name))).toEqual([]);
    });

    test.skipIf(!distro.bootstrap)('can be made from its packages: names of them, sources and the file of keys', () => {
      for (const set of ['standard', 'minimal'] as const) {
        const facts = distro.bootstrap?.(release, {
          arch: 'amd64',
          kernel: 'full',
          set,
          platforms: [...platformIds],
          firmware: 'both',
        });
        expect(facts?.repositories.length).toBeGreaterThan(0);
        expect(facts?.packages).toEqual(facts?.packages.toSorted());
        expect(facts?.packages).toEqual(expect.arrayContaining(release.guest.kernel.full));
        expect(facts?.packages).toEqual(
          expect.arrayContaining(Object.values(release.guest.agents).flatMap(({ packages }) => packages)),
        );
        for (const name of facts?.packages ?? []) expect(name).toMatch(packageName);
        expect(facts?.keyring.path).toMatch(/^\/usr\/share\/keyrings\/[\w-]+\.gpg$/);
        expect(facts?.repositories.some(({ suite }) => suite.includes('security'))).toBe(true);
      }
    });
  });
});

function vendorFile(file: VendorFile, distro: Distro, release: Release): void {
  const about = `${distro.id} ${release.id} ${file.id}`;
  expect(file.folder, about).toMatch(/^https:\/\/[a-z0-9.-]+(\/[\w.-]+)*\/$/);
  expect(file.name, about).toMatch(/^[\w.*-]+\.(iso|qcow2|img)$/);
  expect(file.digests.name, about).toMatch(/^[\w.*-]+$/);
  expect(Object.keys(distro.arches)).toContain(file.arch);
  // Nothing that is meant for another release or machine.
  expect(`${file.folder}${file.name}`, about).toContain(distro.arches[file.arch]);
  expect(
    [release.id, release.codename].some((name) => `${file.folder}${file.name}`.includes(name)),
    about,
  ).toBe(true);
  if (file.signature.kind === 'none') expect(file.signature.why.length, about).toBeGreaterThan(20);
  else signingKey(file.signature.key, about);
}

function signingKey(key: SigningKey, about: string): void {
  for (const fingerprint of key.fingerprints) expect(fingerprint, about).toMatch(/^[0-9A-F]{40}$/);
  expect(new Set(key.fingerprints).size).toBe(key.fingerprints.length);
  expect(key.url, about).toMatch(/^https:\/\//);
  expect(key.owner, about).toMatch(/ <[^@<>]+@[^@<>]+>$/);
  expect(key.verifiedWith.length, about).toBeGreaterThan(20);
  if (key.keyring === undefined) return;
  expect(key.keyring.package, about).toMatch(packageName);
  expect(key.keyring.path, about).toMatch(/^\/usr\/share\/(keyrings|distribution-gpg-keys)\/[\w/-]+(\.gpg)?$/);
}

const keys = [
  ...new Map(
    distros
      .flatMap(({ releases }) => releases.flatMap(({ media, cloudImages }) => [...media, ...cloudImages]))
      .flatMap(({ signature }) => (signature.kind === 'none' ? [] : [[signature.key.owner, signature.key] as const])),
  ).values(),
];

/** Hosts have the package of one vendor's keys, or of none. */
describe.each(keys.map((key) => [key.owner, key] as const))('the key of %s', (_, key) => {
  test.skipIf(!hasTool(key.keyring?.path ?? '/none') || needs('gpg'))('is the one that its package brings', async () => {
    const { stdout } = await exec(['gpg', '--batch', '--show-keys', '--with-colons', key.keyring?.path ?? '']);
    const found = [...stdout.matchAll(/^fpr:+([0-9A-F]{40}):/gm)].map(([, fingerprint]) => fingerprint);
    expect(found).toEqual(expect.arrayContaining(key.fingerprints));
  });
});
