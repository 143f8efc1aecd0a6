import { mkdir, open, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { stampExt4 } from '../../disk/ext4-stamp.ts';
import { derivedUuid } from '../../util/digest.ts';
import { Scope } from '../../util/scope.ts';
import { bindInside, insideEnvironment, mountTree, runInside } from './chroot.ts';
import {
  compileByteCode,
  type ConfigureContext,
  configurePackages,
  finishCoveredWork,
  prepareForScripts,
  runPreinsts,
} from './configure.ts';
import { diskLayout } from './disk-layout.ts';
import { describePackage, type UnpackedPackage, writeDatabase } from './dpkg-database.ts';
import { unpackWithDpkg } from './dpkg-unpack.ts';
import { extractPackage } from './extract.ts';
import { type BootFiles, collectBootFiles } from './grub.ts';
import { holdInMemory } from './hold-in-memory.ts';
import type { InsideContext } from './inside-protocol.ts';
import { overlayTree } from './overlay.ts';
import { excludePaths } from './path-excludes.ts';
import { settleSharedPaths } from './settle.ts';

/** What a base layer is made from. Its digest is the layer's name. */
export interface BaseRecipe {
  /** In the lock's order. `requested`: asked for by name, not only needed by others. */
  packages: { name: string; sha256: string; role: 'image' | 'tools'; requested: boolean }[];
  architecture: string;
  /** Globs of dpkg's path-exclude; `!` in front takes a path back in. */
  pathExcludes: string[];
  unpack: 'fast' | 'dpkg';
  /** Kernel modules for the initramfs. */
  modules: string[];
  diskSize: number;
  firmware: 'bios' | 'uefi' | 'both';
  /** Whether the file system has metadata checksums, whose seed is apart from its UUID. */
  checksums: boolean;
}

export interface BaseRequest {
  op: 'base';
  recipe: BaseRecipe;
  /** The recipe's digest: identities on the base's own disk are derived from it. */
  seed: string;
  /** The folder with the packages, by digest. */
  packageDir: string;
  /** The new layer: gets `tree/`, `disk.raw`, `metadata.raw` and `boot/`. */
  layerDir: string;
  workdir: string;
}

export interface BaseLayer {
  sourceDateEpoch: number;
  boot: BootFiles;
  timings: Record<string, number>;
  tools: Record<string, string>;
}

/** What the process outside says when a package has arrived. */
export interface PackageReady {
  ready: string;
}

/** Builds the base layer: every package installed, the boot loader's files, and a raw disk. */
export async function buildBase(request: BaseRequest, ctx: InsideContext): Promise<BaseLayer> {
  const { recipe, layerDir, workdir } = request;
  const tree = join(layerDir, 'tree');
  const timings: Record<string, number> = {};
  let mark = performance.now();
  const lap = (name: string): void => {
    timings[name] = (performance.now() - mark) / 1000;
    mark = performance.now();
  };
  const phase = (title: string): void => ctx.emit({ type: 'step.progress', step: 'base', done: 0, unit: 'items', note: title });

  await prepareTree(tree);
  const toolsDir = join(workdir, 'tools');
  const { packages, sourceDateEpoch } = await unpackAll(request, tree, toolsDir, ctx);
  const environment = insideEnvironment(sourceDateEpoch);
  lap('fetch and unpack');

  phase('configuring packages');
  const configure: ConfigureContext = { tree, workdir, environment, emit: ctx.emit };
  const database = await holdInMemory(join(tree, 'var/lib/dpkg'), workdir, ctx.scope);
  if (recipe.unpack === 'fast') {
    // Before anything is mounted: /proc and /dev are among the paths that packages share.
    await settleSharedPaths(tree, packages, (sha256) => join(request.packageDir, `${sha256}.deb`));
    await writeDatabase(tree, packages);
  }
  await mountTree(tree, ctx.scope);
  await writeFile(join(tree, 'etc/machine-id'), '');
  if (recipe.unpack === 'dpkg') {
    await unpackWithDpkg(configure, packages, request.packageDir, ctx.scope);
  } else {
    await prepareForScripts(configure);
    await runPreinsts(
      configure,
      packages.map((item) => item.stem),
    );
    await rm(join(tree, 'usr/bin/awk'), { force: true });
  }
  await excludePaths(tree, recipe.pathExcludes);
  await configureInitramfs(tree, recipe.modules);
  const byteCode = compileByteCode(configure);
  byteCode.catch(() => undefined); // Awaited below; what fails first must not leave it unhandled.
  await configurePackages(configure, packages.length);
  await database.putBack();
  lap('configure');

  phase('making the initramfs');
  await Promise.all([finishCoveredWork(configure), byteCode]);
  await removeTraces(tree);
  await markDependencies(tree, recipe);
  lap('initramfs');

  phase('writing the disk');
  const [boot, , tools] = await Promise.all([
    collectBoot(request, tree, toolsDir, environment),
    writeBaseDisk(request, tree, sourceDateEpoch, ctx.scope),
    toolVersions(tree, environment),
  ]);
  await ctx.scope.close();
  lap('disk');
  return { sourceDateEpoch, boot, timings, tools };
}

/** /bin, /sbin and /lib are links into /usr, on every release that we build. */
async function prepareTree(tree: string): Promise<void> {
  for (const folder of ['usr/bin', 'usr/sbin', 'usr/lib', 'usr/lib64', 'etc', 'var'])
    await mkdir(join(tree, folder), { recursive: true });
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) await symlink(`usr/${name}`, join(tree, name));
}

/** Unpacks packages as they arrive, one process chain a core; they come back in the lock's order. */
async function unpackAll(
  request: BaseRequest,
  tree: string,
  toolsDir: string,
  ctx: InsideContext,
): Promise<{ packages: UnpackedPackage[]; sourceDateEpoch: number }> {
  const wanted = new Map(request.recipe.packages.map((item) => [item.sha256, item]));
  const done = new Map<string, UnpackedPackage>();
  // The same links as in the tree that it is laid over: a package that brings /lib would hide the tree's.
  await prepareTree(toolsDir);
  let left = wanted.size;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const message = await ctx.messages.next();
      const { ready } = message.value as PackageReady;
      const item = wanted.get(ready);
      if (item === undefined) throw new Error(`unexpected package ${ready}`);
      const path = join(request.packageDir, `${ready}.deb`);
      const target = item.role === 'tools' ? toolsDir : tree;
      const extracted = await extractPackage(path, target);
      if (item.role === 'image') done.set(ready, describePackage(extracted, ready));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  const packages = request.recipe.packages.flatMap(({ sha256 }) => done.get(sha256) ?? []);
  const latest = Math.floor(Date.now() / 1000) + 86_400;
  let sourceDateEpoch = 0;
  for (const { members } of packages)
    for (const { mtime } of members) if (mtime > sourceDateEpoch && mtime < latest) sourceDateEpoch = mtime;
  // One second later, so that what the build itself wrote can be told from what the packages brought.
  return { packages, sourceDateEpoch: sourceDateEpoch + 1 };
}

/** One initramfs with the drivers of all platforms of the template, instead of guesses about the machine that builds. */
async function configureInitramfs(tree: string, modules: string[]): Promise<void> {
  const folder = join(tree, 'etc/initramfs-tools');
  await mkdir(join(folder, 'conf.d'), { recursive: true });
  await writeFile(
    join(folder, 'conf.d/gabarit.conf'),
    '# Made by Gabarit: the drivers in /etc/initramfs-tools/modules, not those of this machine.\nMODULES=list\n',
  );
  await writeFile(join(folder, 'modules'), `# Made by Gabarit, from the template's platforms.\n${modules.join('\n')}\n`);
}

/** What installing leaves behind that no image needs, and that differs between two builds. */
async function removeTraces(tree: string): Promise<void> {
  const remove = (path: string): Promise<void> => rm(join(tree, path), { recursive: true, force: true });
  const inFolder = async (folder: string, pattern: RegExp): Promise<void> => {
    for (const name of await readdir(join(tree, folder)).catch(() => [] as string[]))
      if (pattern.test(name)) await remove(join(folder, name));
  };
  await truncate(join(tree, 'etc/machine-id'), 0);
  await inFolder('etc', /-$/);
  await inFolder('var/lib/dpkg', /-old$/);
  await inFolder('var/cache/debconf', /-old$/);
  await inFolder('var/log', /\.log$/);
  await inFolder('etc/ssh', /^ssh_host_/);
  for (const path of [
    'var/lib/dbus/machine-id',
    'var/log/apt',
    'var/cache/ldconfig/aux-cache',
    'var/lib/systemd/random-seed',
    'var/lib/apt/lists',
    'var/cache/apt/pkgcache.bin',
    'var/cache/apt/srcpkgcache.bin',
  ]) {
    await remove(path);
  }
  await mkdir(join(tree, 'var/lib/apt/lists/partial'), { recursive: true });
  await mkdir(join(tree, 'var/log/apt'), { recursive: true });
}

/** Tells the image's apt which packages are only there for others, so that its autoremove can remove old kernels and the like. */
async function markDependencies(tree: string, recipe: BaseRecipe): Promise<void> {
  const names = recipe.packages.filter(({ role, requested }) => role === 'image' && !requested).map(({ name }) => name);
  const stanzas = names.map((name) => `Package: ${name}\nArchitecture: ${recipe.architecture}\nAuto-Installed: 1\n`);
  await writeFile(join(tree, 'var/lib/apt/extended_states'), stanzas.join('\n'));
}

/** The boot loader's files come from the tree, or from a throw-away tree on top of it where the image has no boot loader. */
async function collectBoot(
  request: BaseRequest,
  tree: string,
  toolsDir: string,
  environment: Record<string, string>,
): Promise<BootFiles> {
  const bootDir = join(request.layerDir, 'boot');
  if (!request.recipe.packages.some(({ role }) => role === 'tools'))
    return collectBootFiles(tree, bootDir, request.recipe.firmware, environment);
  await using inner = new Scope();
  const withTools = await overlayTree(tree, request.workdir, 'tools', inner, toolsDir);
  await mountTree(withTools, inner);
  return await collectBootFiles(withTools, bootDir, request.recipe.firmware, environment);
}

/** Spelt out, because defaults differ between releases. GRUB and the kernels of all releases can read these. */
const ext4Features =
  'none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize';

/**
 * Writes the tree as ext4 straight into the raw file, by the image's own mke2fs: the same on every build host. Beside it a second one
 * with nothing but the metadata, on top of which provisioning writes: the content of files is not read for that.
 */
async function writeBaseDisk(request: BaseRequest, tree: string, sourceDateEpoch: number, scope: Scope): Promise<void> {
  const layout = diskLayout(request.recipe.diskSize);
  const disk = join(request.layerDir, 'disk.raw');
  await using file = await open(disk, 'wx');
  await file.truncate(layout.size);
  const [root, out] = [await bindInside(tree, tree, 'root', scope), await bindInside(tree, request.layerDir, 'out', scope)];
  const offset = String(layout.root.offset);
  const extended = `offset=${offset},hash_seed=${derivedUuid(request.seed, 'hash')},lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0`;
  const argv = [
    'mke2fs',
    '-q',
    '-F',
    '-t',
    'ext4',
    '-b',
    '4096',
    '-I',
    '256',
    '-O',
    request.recipe.checksums ? `${ext4Features},metadata_csum,metadata_csum_seed` : ext4Features,
    '-L',
    'root',
    '-U',
    derivedUuid(request.seed, 'root file system'),
    '-m',
    '1',
    '-J',
    'size=32',
    '-E',
    extended,
  ];
  await runInside(
    tree,
    [...argv, '-d', root, `${out}/disk.raw`, String(layout.root.size / 4096)],
    { ...insideEnvironment(sourceDateEpoch), E2FSPROGS_FAKE_TIME: String(sourceDateEpoch) },
    { errorCode: 'BUILD_FAILED' },
  );
  await stampExt4(disk, { offset: layout.root.offset, time: sourceDateEpoch });
  await runInside(
    tree,
    ['e2image', '-r', '-O', offset, '-o', offset, `${out}/disk.raw`, `${out}/metadata.raw`],
    insideEnvironment(sourceDateEpoch),
    { errorCode: 'BUILD_FAILED' },
  );
  await truncate(join(request.layerDir, 'metadata.raw'), layout.size);
}

async function toolVersions(tree: string, environment: Record<string, string>): Promise<Record<string, string>> {
  const result = await runInside(
    tree,
    ['dpkg-query', '--show', '--showformat=${Package} ${Version}\n', 'e2fsprogs', 'dpkg', 'initramfs-tools-core'],
    environment,
  );
  return Object.fromEntries(
    result.stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string]),
  );
}
