import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ReplayOutcome, ReplayRequest } from '../../../test/replay-inside.ts';
import { memorySource } from '../../../test/small-ext4.ts';
import { needs, needsRoot } from '../../../test/tools.ts';
import { type Change, changeTree, type Described, type Tree } from '../../../test/tree-changes.ts';
import { openExt4 } from '../../disk/ext4-rootfs.ts';
import { exec } from '../../util/exec.ts';
import { Scope } from '../../util/scope.ts';
import { runInNamespace } from './namespace.ts';

const time = Date.UTC(2026, 0, 2) / 1000;
const capability = '0100000200040000000000000000000000000000';
const long = `long-${'n'.repeat(200)}`;

let folder = '';
let runs = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'replay-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Makes the base's tree and its disk. */
async function makeBase(changes: Change[], strict: boolean): Promise<void> {
  const lower = join(folder, 'lower');
  await mkdir(lower);
  await changeTree(lower, changes, strict);
  const disk = join(folder, 'base.raw');
  await exec(['truncate', '-s', '24M', disk]);
  const options = ['-b', '4096', '-I', '256', '-O', '64bit,metadata_csum,metadata_csum_seed', '-J', 'size=4', '-N', '2048'];
  const extended = 'hash_seed=11111111-2222-4333-8444-555555555555,nodiscard,root_owner=0:0';
  const uuid = '6e7c1a5e-0b2f-4d3c-8a9b-1c2d3e4f5a6b';
  await exec(['mke2fs', '-q', '-F', '-t', 'ext4', ...options, '-U', uuid, '-E', extended, '-d', lower, disk], {
    env: { E2FSPROGS_FAKE_TIME: String(time) },
  });
}

/** Makes changes over the base and replays them on a copy of its disk. */
async function replay(
  changes: Change[],
  options: { strict?: boolean; shell?: string } = {},
): Promise<ReplayOutcome & { disk: string }> {
  const { strict = true, shell = '' } = options;
  const workdir = join(folder, `change-${(runs += 1)}`);
  await mkdir(workdir);
  const [before, disk] = [join(folder, 'base.raw'), join(workdir, 'disk.raw')];
  await copyFile(before, disk);
  const request: ReplayRequest = { lower: join(folder, 'lower'), workdir, disk, before, changes, strict, shell, time };
  const ctx = { workdir, cacheDir: workdir, offline: true, force: false, scope: new Scope(), emit: () => undefined };
  const module = new URL('../../../test/replay-inside.ts', import.meta.url);
  const signal = new AbortController().signal;
  return { ...(await runInNamespace<ReplayOutcome>(module, request, { network: false }, { ...ctx, signal }).result), disk };
}

/** A disk's files as our own reader has them, in the words of {@link Tree}. */
async function treeOf(disk: string): Promise<Tree> {
  const bytes = await readFile(disk);
  const fs = await openExt4(memorySource(bytes), 0, bytes.length);
  const found: Tree = {};
  const names = new Map<number, string>();
  const add = async (path: string): Promise<void> => {
    const stat = await fs.stat(path);
    if (stat === undefined) throw new Error(`${path} is not there`);
    const { type, mode, uid, gid, inode } = stat;
    const xattrs = Object.fromEntries(Object.entries(await fs.xattrs(path)).map(([key, value]) => [key, value.toString('hex')]));
    const item: Described = { type: type as Described['type'], mode, uid, gid, xattrs };
    if (type === 'file')
      item.content = createHash('sha256')
        .update((await fs.readFile(path)) ?? 'missing')
        .digest('hex');
    if (type === 'symlink') item.content = (await fs.readLink(path)) ?? 'missing';
    if (type !== 'directory') {
      if (!names.has(inode)) names.set(inode, path);
      item.same = names.get(inode) ?? '';
    }
    found[path] = item;
  };
  await add('/');
  const paths: string[] = [];
  for await (const { path } of fs.walk('/')) if (path !== '/lost+found') paths.push(path);
  for (const path of paths.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) await add(path);
  return found;
}

async function expectEqual({ disk, merged, complaints }: ReplayOutcome & { disk: string }): Promise<void> {
  expect(complaints).toBe('');
  await exec(['e2fsck', '-fn', disk]);
  expect(await treeOf(disk)).toEqual(merged);
}

const write = (path: string, content = path, times = 1): Change => ({ op: 'write', path, content, times });
const make = (path: string): Change => ({ op: 'mkdir', path });
const remove = (path: string): Change => ({ op: 'remove', path });
const xattr = (path: string, name: string, value: string | null): Change => ({ op: 'xattr', path, name, value });

/** A base with one of everything. */
const base: Change[] = [
  ...['/etc', '/etc/deep', '/etc/deep/er', '/bin', '/full', '/gone', '/gone/inner', '/acl'].map(make),
  ...['/etc/a', '/etc/b b', '/etc/deep/er/file', '/bin/ping', '/gone/x', '/gone/inner/y', '/keep', '/acl/file'].map((path) =>
    write(path),
  ),
  write('/large', 'large ', 100_000),
  { op: 'chmod', path: '/bin/ping', mode: 0o4755 },
  xattr('/bin/ping', 'security.capability', capability),
  xattr('/acl', 'user.old', '6f6c64'),
  xattr('/acl', 'user.kept', '6b'),
  { op: 'link', path: '/keep', to: '/keep too' },
  { op: 'link', path: '/keep', to: '/etc/keep three' },
  { op: 'symlink', path: '/link', target: 'etc/a' },
  { op: 'fifo', path: '/pipe' },
  ...Array.from({ length: 40 }, (_, index) => write(`/full/${long}-${index}`)),
];

describe.skipIf(needs('mke2fs', 'debugfs', 'e2fsck', 'python3', 'unshare') || needsRoot())('replaying changes on a disk', () => {
  beforeAll(() => makeBase(base, true));

  const cases: [string, Change[]][] = [
    ['nothing', []],
    [
      'new, changed and removed files',
      [write('/etc/new'), write('/etc/a', 'other'), remove('/etc/b b'), write('/empty', ''), write('/large', 'x')],
    ],
    ['a large new file', [write('/big', '0123456789abcdef', 200_000)]],
    [
      'names with spaces, quotes and signs',
      [
        make('/a "b" c'),
        write(`/a "b" c/it's`),
        write('/a "b" c/""'),
        write('/<7>'),
        write('/-x'),
        write('/back\\slash'),
        write('/#a'),
        write('/ '),
        write('/ünï'),
        write('/tab\there'),
        { op: 'symlink', path: '/a "b" c/link', target: `to "it's" <8> \\ # ` },
      ],
    ],
    [
      'modes, owners and times',
      [
        { op: 'chmod', path: '/etc/a', mode: 0o6711 },
        { op: 'chown', path: '/etc/b b', uid: 1000, gid: 70_000 },
        { op: 'chmod', path: '/etc/deep', mode: 0o1777 },
        { op: 'chown', path: '/etc/deep/er', uid: 65_534, gid: 100_000 },
        { op: 'chown', path: '/link', uid: 5, gid: 6 },
        { op: 'mtime', path: '/etc/a', time: 1_000_000_000 },
      ],
    ],
    [
      'the mode and owner of the root folder',
      [
        { op: 'chmod', path: '/', mode: 0o711 },
        { op: 'chown', path: '/', uid: 1, gid: 2 },
      ],
    ],
    [
      'links that are short and long',
      [
        { op: 'symlink', path: '/short', target: 'x' },
        { op: 'symlink', path: '/59', target: 'y'.repeat(59) },
        { op: 'symlink', path: '/60', target: 'y'.repeat(60) },
        { op: 'symlink', path: '/far', target: '/z'.repeat(1500) },
        remove('/link'),
        { op: 'symlink', path: '/link', target: '/else' },
      ],
    ],
    [
      'new hard links, and links to old files',
      [
        write('/n1'),
        { op: 'link', path: '/n1', to: '/n2' },
        { op: 'link', path: '/n1', to: '/etc/n3' },
        { op: 'link', path: '/etc/a', to: '/etc/a2' },
        { op: 'link', path: '/link', to: '/link2' },
        { op: 'link', path: '/pipe', to: '/pipe2' },
      ],
    ],
    ['hard links of the base: one name changed', [write('/keep', 'other')]],
    [
      'hard links of the base: two names changed',
      [
        { op: 'chmod', path: '/keep', mode: 0o600 },
        { op: 'chmod', path: '/keep too', mode: 0o640 },
      ],
    ],
    ['hard links of the base: one name removed', [remove('/keep too')]],
    [
      'a folder that is full, and hard links in it',
      [
        write('/full/one'),
        ...Array.from(
          { length: 60 },
          (_, index): Change => ({ op: 'link', path: '/full/one', to: `/full/${long}-link-${index}` }),
        ),
        ...Array.from(
          { length: 60 },
          (_, index): Change => ({ op: 'symlink', path: `/full/${long}-symlink-${index}`, target: 'x' }),
        ),
        ...Array.from({ length: 60 }, (_, index): Change => ({ op: 'fifo', path: `/full/${long}-pipe-${index}` })),
      ],
    ],
    ['removed folders', [remove('/gone'), remove('/etc/deep/er')]],
    ['a removed folder that came back', [remove('/gone'), make('/gone'), write('/gone/new'), make('/gone/inner')]],
    [
      'a folder that became a file, and a file that became a folder',
      [remove('/gone'), write('/gone'), remove('/etc/a'), make('/etc/a'), write('/etc/a/b')],
    ],
    [
      'a link that became a folder, and a folder that became a link',
      [remove('/link'), make('/link'), write('/link/x'), remove('/gone'), { op: 'symlink', path: '/gone', target: 'etc' }],
    ],
    [
      'pipes',
      [{ op: 'fifo', path: '/etc/pipe' }, { op: 'chmod', path: '/etc/pipe', mode: 0o622 }, remove('/pipe'), write('/pipe')],
    ],
    [
      'moved files and folders',
      [
        { op: 'rename', path: '/etc/a', to: '/etc/z' },
        { op: 'rename', path: '/gone', to: '/etc/came' },
      ],
    ],
    [
      'capabilities and attributes',
      [
        write('/bin/tool'),
        xattr('/bin/tool', 'security.capability', capability),
        xattr('/bin/tool', 'user.note', '61'),
        { op: 'chmod', path: '/bin/ping', mode: 0o755 },
        xattr('/etc', 'user.folder', '62'.repeat(900)),
        xattr('/etc/b b', 'user.a b', '63'),
        xattr('/etc/deep', 'user.empty', ''),
      ],
    ],
    ['attributes that were removed', [xattr('/acl', 'user.old', null), xattr('/bin/ping', 'security.capability', null)]],
  ];

  test.each(cases)('carries over %s', async (_, changes) => {
    await expectEqual(await replay(changes));
  });

  test('carries over what a shell does, with a moved folder', async () => {
    const shell = 'mv gone moved; cp -a etc etc2; rm -rf etc; chmod 700 bin; ln moved/x "moved/y z"; : > large';
    await expectEqual(await replay([], { shell }));
  });

  test('names what changed, sorted, and each path once', async () => {
    const { changed } = await replay([
      write('/etc/a', 'x'),
      remove('/gone'),
      make('/new'),
      { op: 'chmod', path: '/bin', mode: 0o700 },
    ]);
    expect(changed).toEqual(['/bin', '/etc/a', '/gone', '/gone/inner', '/gone/inner/y', '/gone/x', '/new']);
  });

  test('gives the same bytes for the same changes', async () => {
    const changes = cases.flatMap(([name, list]) => (/new, changed|names|capab|pipes|short/.test(name) ? list : []));
    const first = await replay(changes, { strict: false });
    const second = await replay(changes, { strict: false });
    const [a, b] = [await readFile(first.disk), await readFile(second.disk)];
    expect(a.equals(b)).toBe(true);
  });

  test.each<[string, Change, string, RegExp]>([
    ['a socket', { op: 'socket', path: '/etc/sock' }, '', /\/etc\/sock, which is neither a file/],
    ['a name of two lines', write('/two\nlines'), '', /"\/two\\nlines" has a line break/],
    ['a name that is not UTF-8', write('/fine'), `touch "$(printf 'etc/bad\\377')"`, /etc\/bad.* is not UTF-8/],
  ])('refuses %s, and says which', async (_, change, shell, message) => {
    await expect(replay([change], { shell })).rejects.toMatchObject({
      code: 'BUILD_FAILED',
      message: expect.stringMatching(message) as unknown,
      hint: expect.stringContaining('.') as unknown,
    });
  });

  const name = fc.constantFrom('a', 'b c', '"', "it's", 'ü', 'd', 'e', long);
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
  const change: fc.Arbitrary<Change> = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ op: fc.constant('write' as const), path, content: fc.string(), times: fc.constantFrom(1, 1000) }),
    },
    { weight: 4, arbitrary: fc.record({ op: fc.constant('mkdir' as const), path }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('remove' as const, 'fifo' as const), path }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('link' as const, 'rename' as const), path, to: path }) },
    {
      weight: 1,
      arbitrary: fc.record({
        op: fc.constant('symlink' as const),
        path,
        target: fc.constantFrom('a', '/b c/d', '../"', 'x'.repeat(100)),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ op: fc.constant('chmod' as const), path, mode: fc.constantFrom(0o600, 0o755, 0o4755, 0o1777) }),
    },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('chown' as const), path, uid: fc.nat(100_000), gid: fc.nat(100_000) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        op: fc.constant('xattr' as const),
        path,
        name: fc.constantFrom('user.x', 'user.y'),
        value: fc.constantFrom('61', null),
      }),
    },
  );
  const changes = fc.array(change, { minLength: 30, maxLength: 90 });

  test('carries over any changes to any tree', async () => {
    await fc.assert(
      fc.asyncProperty(changes, changes, async (before, after) => {
        await rm(folder, { recursive: true, force: true });
        await mkdir(folder);
        await makeBase(before, false);
        await expectEqual(await replay(after, { strict: false }));
      }),
      { numRuns: 4 },
    );
  });
});
