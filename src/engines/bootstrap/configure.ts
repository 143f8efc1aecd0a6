import { copyFile, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../util/errors.ts';
import type { Emit } from '../../util/events.ts';
import { Scope } from '../../util/scope.ts';
import { coverProgram, insideDir, runInside } from './chroot.ts';

export interface ConfigureContext {
  tree: string;
  workdir: string;
  environment: Record<string, string>;
  emit: Emit;
}

/** Done once at the end instead of once a package, or not at all in an image: the initramfs, byte code, certificates, host keys. */
const covered = ['usr/sbin/update-initramfs', 'usr/bin/py3compile', 'usr/sbin/update-ca-certificates', 'usr/bin/ssh-keygen'];

/** Shell words that have no effect: a preinst of nothing else need not run. */
const idleLine = /^\s*(#.*|set -e|exit 0|)$|dpkg-maintscript-helper/;

/** What dpkg would have found before its first package: the accounts that tar's owners stand for, and the few links that scripts need. */
export async function prepareForScripts(ctx: ConfigureContext): Promise<void> {
  const { tree } = ctx;
  for (const name of ['passwd', 'group']) {
    await writeFile(join(tree, 'etc', name), await readFile(join(tree, 'usr/share/base-passwd', `${name}.master`)));
  }
  await linkIfAbsent('dash', join(tree, 'usr/bin/sh'));
  await linkIfAbsent('mawk', join(tree, 'usr/bin/awk'));
  await runInside(tree, ['ldconfig'], ctx.environment);
}

async function linkIfAbsent(target: string, path: string): Promise<void> {
  await symlink(target, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

/** Runs the preinst scripts that do something, in the packages' order. */
export async function runPreinsts(ctx: ConfigureContext, stems: string[]): Promise<void> {
  const { tree } = ctx;
  for (const stem of stems) {
    const script = `var/lib/dpkg/info/${stem}.preinst`;
    const text = await readFile(join(tree, script), 'utf8').catch(() => '');
    if (text.split('\n').every((line) => idleLine.test(line))) continue;
    const [name = '', arch = 'amd64'] = stem.split(':');
    await runInside(
      tree,
      [`/${script}`, 'install'],
      {
        ...ctx.environment,
        // dpkg unpacks a control file for debconf to find the name in; this says it directly.
        DEBCONF_PACKAGE: name,
        DPKG_MAINTSCRIPT_PACKAGE: name,
        DPKG_MAINTSCRIPT_NAME: 'preinst',
        DPKG_MAINTSCRIPT_ARCH: arch,
        DPKG_RUNNING_VERSION: '1.20.0',
      },
      {
        errorCode: 'BUILD_FAILED',
        what: `the preinst script of ${name}`,
      },
    );
  }
}

/** Lets dpkg configure every unpacked package, with the costly triggers covered. */
export async function configurePackages(ctx: ConfigureContext, count: number): Promise<void> {
  const { tree, workdir } = ctx;
  await using scope = new Scope();
  const stub = join(workdir, 'stub');
  await writeFile(stub, '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  for (const path of covered) await coverProgram(tree, path, stub, scope);
  // Python's own packages compile their library by this module.
  const python = await pythonFolder(tree);
  const empty = join(workdir, 'empty.py');
  await writeFile(empty, '');
  if (python !== undefined) await coverProgram(tree, join(python, 'py_compile.py'), empty, scope);
  const policy = join(tree, 'usr/sbin/policy-rc.d');
  await writeFile(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  scope.defer(() => rm(policy, { force: true }));
  let done = 0;
  let last = '';
  try {
    await runInside(tree, ['dpkg', '--force-unsafe-io', '--force-confold', '--configure', '--pending'], ctx.environment, {
      errorCode: 'BUILD_FAILED',
      what: 'dpkg --configure',
      onLine: (line) => {
        ctx.emit({ type: 'log', level: 'debug', message: line, source: 'dpkg' });
        const match = /^Setting up (\S+)/.exec(line);
        if (!match) return;
        last = match[1] ?? '';
        done += 1;
        ctx.emit({ type: 'step.progress', step: 'configure', done, total: count, unit: 'items', note: last });
      },
    });
  } catch (error) {
    if (error instanceof AppError)
      throw new AppError(error.code, `${error.message} (at package ${last})`, { cause: error, details: error.details });
    throw error;
  }
}

/**
 * Compiles Python's library and all modules of packages. It needs nothing that is configured, so it goes on beside dpkg, which keeps
 * one core busy and no more.
 */
export async function compileByteCode(ctx: ConfigureContext): Promise<void> {
  const python = await pythonFolder(ctx.tree);
  if (python === undefined) return;
  // The module that compiles is covered meanwhile: this is another one of it, and it is itself compiled at the end.
  const own = `${insideDir}/python`;
  await mkdir(join(ctx.tree, own), { recursive: true });
  await copyFile(join(ctx.tree, python, compiler), join(ctx.tree, own, compiler));
  // One after the other: what one process compiles, and in which order, decides on its bytes.
  await compile(ctx, ['-x', `/${compiler}$`, `/${python}`], { PYTHONPATH: own });
  await compile(ctx, ['/usr/lib/python3', '/usr/share/python3'], { PYTHONPATH: own });
}

/** Python's module that compiles. */
const compiler = 'py_compile.py';

/** Some packages ship examples that do not compile; as with py3compile, that is no failure. */
async function compile({ tree, environment }: ConfigureContext, args: string[], own: Record<string, string> = {}): Promise<void> {
  // With SOURCE_DATE_EPOCH, byte code would be checked against a digest of its source at each start; by default it is against its time.
  const { SOURCE_DATE_EPOCH: _, ...undated } = environment;
  await runInside(tree, ['python3', '-m', 'compileall', '-q', '-j1', ...args], { ...undated, ...own }, { okExitCodes: [0, 1] });
}

/** What the other covered programs would have done, once, and side by side. */
export async function finishCoveredWork(ctx: ConfigureContext): Promise<void> {
  const { tree, environment } = ctx;
  const kernel = (await readdir(join(tree, 'usr/lib/modules'))).toSorted().at(-1);
  if (kernel === undefined) throw new AppError('BUILD_FAILED', 'The image has no kernel');
  const python = await pythonFolder(tree);
  await Promise.all([
    runInside(tree, ['mkinitramfs', '-o', `/boot/initrd.img-${kernel}`, kernel], environment, {
      errorCode: 'BUILD_FAILED',
      what: 'mkinitramfs',
    }),
    runInside(tree, ['update-ca-certificates', '--fresh'], environment, { errorCode: 'BUILD_FAILED' }),
    ...(python === undefined ? [] : [compile(ctx, [`/${python}/${compiler}`])]),
  ]);
}

/** Where the tree's Python has its library, such as `usr/lib/python3.11`. */
async function pythonFolder(tree: string): Promise<string | undefined> {
  const name = (await readdir(join(tree, 'usr/lib'))).find((entry) => /^python3\.\d+$/.test(entry));
  return name === undefined ? undefined : join('usr/lib', name);
}
