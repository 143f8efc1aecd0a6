import { existsSync } from 'node:fs';
import { lstat, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import { debian } from '../../src/distros/index.ts';
import { bootstrapEngine } from '../../src/engines/index.ts';
import type { Plan } from '../../src/model/plan.ts';
import { openRun } from '../../src/pipeline/runs.ts';
import { digestOf } from '../../src/util/digest.ts';
import { exec } from '../../src/util/exec.ts';
import { Scope } from '../../src/util/scope.ts';
import { needs, needsRoot } from '../tools.ts';

/**
 * Gabarit unpacks all packages side by side and writes dpkg's database itself. This proves that the outcome is what apt and dpkg
 * make of the same packages: the peer is mmdebstrap, which lets them do it one after the other.
 */

/** Paths that differ for a known reason; each must be one that packages do not bring. */
const explained: [RegExp, string][] = [
  [/^\/(dev|run|tmp|proc|sys)\//, 'not part of an image'],
  [/^\/boot\/initrd\.img-/, 'made once at the end, with the drivers of all platforms'],
  [/^\/etc\/initramfs-tools\/(conf\.d\/gabarit\.conf|modules)$/, 'says which drivers those are'],
  [
    /^\/etc\/(apt\/sources\.list|apt\/apt\.conf\.d\/99mmdebstrap|apt\/preferences\.d\/peer|fstab|hostname|resolv\.conf|machine-id|\.resolv\.conf\.systemd-resolved\.bak)$/,
    'written by mmdebstrap or for the peer; in Gabarit by the provisioning',
  ],
  [
    /^\/etc\/(passwd|group|shadow|gshadow|subuid|subgid|passwd-|group-|shadow-|gshadow-|shells)$/,
    'order of lines; compared as sets below',
  ],
  [/^\/etc\/ssh\/ssh_host_/, 'no image has host keys'],
  [/^\/etc\/ld\.so\.cache$/, 'an index, rebuilt from the same libraries'],
  [/^\/var\/cache\/(apt|debconf|ldconfig|man)\//, 'caches'],
  [/^\/var\/(log|tmp)\//, 'logs'],
  [
    /^\/var\/lib\/apt\/(lists|extended_states|periodic|mirrors)/,
    "apt's own state; which packages are dependencies is compared below",
  ],
  [
    /^\/var\/lib\/dpkg\/(status|available|arch|.*-old|lock|lock-frontend|triggers\/Lock|triggers\/File|cmethopt)$/,
    'compared below, or written by every run of dpkg',
  ],
  [
    /^\/var\/lib\/(dbus\/machine-id|systemd\/(catalog\/database|random-seed)|ucf\/.*|pam\/.*)$/,
    'identity, or records with dates',
  ],
  [/\/__pycache__(\/|$)/, 'byte code holds the time of its source; made once at the end'],
];

type Inventory = Map<string, string>;

/** Names by number: which number a package's own user gets depends on which package is configured first. */
async function namesIn(root: string, path: string): Promise<Map<number, string>> {
  const lines = (await readFile(join(root, path), 'utf8')).split('\n').map((line) => line.split(':'));
  return new Map(lines.map(([name = '', , id = '']) => [Number(id), name]));
}

async function inventoryOf(root: string): Promise<Inventory> {
  const found: Inventory = new Map();
  const [users, groups] = [await namesIn(root, 'etc/passwd'), await namesIn(root, 'etc/group')];
  const visit = async (folder: string): Promise<void> => {
    for (const name of (await readdir(join(root, folder))).toSorted()) {
      const path = `${folder}/${name}`;
      if (explained.some(([pattern]) => pattern.test(path))) continue;
      const stat = await lstat(join(root, path));
      const content = stat.isSymbolicLink()
        ? // /lib is a link to /usr/lib: what a unit is called by depends on which of two packages is configured first.
          (await readlink(join(root, path))).replace(/^\/lib\//, '/usr/lib/')
        : stat.isFile()
          ? digestOf(await readFile(join(root, path)))
          : '';
      found.set(path, `${stat.mode.toString(8)} ${users.get(stat.uid)}:${groups.get(stat.gid)} ${content}`);
      if (stat.isDirectory()) await visit(path);
    }
  };
  await visit('');
  return found;
}

function differences(a: Inventory, b: Inventory): string[] {
  const paths = [...new Set([...a.keys(), ...b.keys()])].toSorted();
  return paths.flatMap((path) =>
    a.get(path) === b.get(path) ? [] : [`${path}: gabarit ${a.get(path) ?? 'has not'}, dpkg ${b.get(path) ?? 'has not'}`],
  );
}

async function sortedLines(root: string, path: string): Promise<string[]> {
  const text = await readFile(join(root, path), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.replaceAll(/:\d+(?=:)/g, ':N'))
    .toSorted();
}

/** Stanzas of dpkg's status by package, with fields sorted: all that dpkg knows of an installed package. */
async function statusOf(root: string): Promise<Record<string, string[]>> {
  const text = await readFile(join(root, 'var/lib/dpkg/status'), 'utf8');
  const stanzas = text.split('\n\n').filter((stanza) => stanza.trim() !== '');
  return Object.fromEntries(
    stanzas.map((stanza) => [
      /^Package: (.*)$/m.exec(stanza)?.[1] ?? '',
      stanza
        .trim()
        .split(/\n(?! )/)
        .toSorted(),
    ]),
  );
}

async function peerTree(plan: Plan, folder: string): Promise<string> {
  const tree = join(folder, 'peer');
  const names = plan.lock.packages.filter(({ role }) => role === 'image').map(({ name, version }) => `${name}=${version}`);
  // apt would take usrmerge, which converts a running system, where both do.
  const preferences = join(folder, 'preferences');
  await writeFile(preferences, 'Package: usrmerge\nPin: release *\nPin-Priority: -1\n');
  const sources = plan.lock.repositories.map(({ uri, suite, components }) => `deb ${uri} ${suite} ${components.join(' ')}`);
  await exec(
    [
      'mmdebstrap',
      '--mode=root',
      '--variant=essential',
      '--aptopt=APT::Install-Recommends "false"',
      // On all releases, /bin and its like are links into /usr.
      '--setup-hook=for name in bin sbin lib lib64; do mkdir -p "$1/usr/$name" && ln -s "usr/$name" "$1/$name"; done',
      `--setup-hook=mkdir -p "$1/etc/apt/preferences.d" && cp ${preferences} "$1/etc/apt/preferences.d/peer"`,
      `--include=${names.join(',')}`,
      '--skip=cleanup/apt/lists',
      plan.release.codename,
      tree,
      ...sources,
    ],
    { env: { TMPDIR: folder } },
  );
  return tree;
}

/** The tree lies in the cache, where builds rely on it: what a program writes (apt's caches, /dev/null) goes elsewhere. */
const beside = `set -e
mkdir -p "$2/upper" "$2/work" "$2/merged"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" overlay "$2/merged"
cd "$2/merged"
shift 2
exec chroot . "$@"`;

describe.skipIf(needs('mmdebstrap') || needsRoot())('Packages that Gabarit unpacked', () => {
  test.each(['debian-11', 'debian-12', 'debian-13'])(
    'are on %s as dpkg would have installed them',
    { timeout: 900_000 },
    async (name) => {
      // In memory: dpkg waits for the disk after every file.
      const folder = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'gabarit-equal-'));
      await using scope = new Scope();
      scope.defer(() => rm(folder, { recursive: true, force: true }));
      const app = await createApp({});
      const { signal } = new AbortController();
      const plan = await app.plan(name, { offline: false, allowEndOfLife: true }, signal);
      const { workdir } = await openRun(app.config.cacheDir, 'equal', scope);
      scope.defer(() => rm(workdir, { recursive: true, force: true }));
      const engine = bootstrapEngine({ distros: [debian], mirrors: {}, guestMirrors: {} });
      const built = await engine.build(plan, {
        workdir,
        cacheDir: app.config.cacheDir,
        offline: false,
        force: false,
        signal,
        scope,
        emit: () => undefined,
      });
      const tree = join(built.base?.folder ?? '', 'tree');
      const peer = await peerTree(plan, folder);

      expect(await statusOf(tree)).toEqual(await statusOf(peer));
      expect(differences(await inventoryOf(tree), await inventoryOf(peer))).toEqual([]);
      for (const path of ['etc/passwd', 'etc/group', 'etc/shells', 'var/lib/dpkg/triggers/File']) {
        expect(await sortedLines(tree, path), path).toEqual(await sortedLines(peer, path));
      }
      for (const check of [
        ['dpkg', '--audit'],
        ['dpkg', '--verify'],
        ['apt-get', 'check'],
      ]) {
        const { stdout } = await exec([...'unshare --mount sh -c'.split(' '), beside, 'sh', tree, folder, ...check]);
        expect(
          stdout.split('\n').filter((line) => line !== '' && !/^(Reading|Building)/.test(line) && !/ c \//.test(line)),
          check.join(' '),
        ).toEqual([]);
      }
    },
  );
});
