import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stampExt4 } from '../../disk/ext4-stamp.ts';
import { dataExtents } from '../../disk/extents.ts';
import type { Extent } from '../../model/extent.ts';
import type { PlanProvision } from '../../model/plan.ts';
import { AppError } from '../../util/errors.ts';
import { exec } from '../../util/exec.ts';
import { Scope } from '../../util/scope.ts';
import { bindInside, insideDir, insideEnvironment, mountTree, runInside } from './chroot.ts';
import { type DiskIdentity, diskLayout, efiVolumeId, writeBootPartitions } from './disk-layout.ts';
import { type BootFiles, grubMenu, writeGrubDefaults } from './grub.ts';
import { exportXattrs } from './export-xattrs.ts';
import type { InsideContext } from './inside-protocol.ts';
import { overlayTree } from './overlay.ts';
import { planReplay, type ReplaySources } from './replay.ts';
import { runScript } from './run-script.ts';

export interface ProvisionRequest {
  op: 'provision';
  /** The base layer's folder, and what is known of it. */
  baseDir: string;
  boot: BootFiles;
  sourceDateEpoch: number;
  diskSize: number;
  identity: DiskIdentity;
  /** Of the operating system, for the boot menu. */
  title: string;
  kernelArguments: string[];
  /** Repository keys to leave in the image: file name in /etc/apt/keyrings, and its source. */
  keys: { name: string; source: string }[];
  items: PlanProvision[];
  /** Variables for every step and script. */
  environment: Record<string, string>;
  workdir: string;
  /** The raw disk to write. */
  disk: string;
}

export interface Provisioned {
  changed: number;
  /** Where the disk may differ from the base's; the file holds these and no more. Absent where it is whole. */
  changes?: Extent[];
  timings: Record<string, number>;
}

/** Runs the provisioning on top of a base, and writes the disk that results. */
export async function provisionDisk(request: ProvisionRequest, ctx: InsideContext): Promise<Provisioned> {
  const { workdir, sourceDateEpoch } = request;
  const lower = join(request.baseDir, 'tree');
  const environment = insideEnvironment(sourceDateEpoch);
  const timings: Record<string, number> = {};
  let mark = performance.now();
  const lap = (name: string): void => {
    timings[name] = (performance.now() - mark) / 1000;
    mark = performance.now();
  };
  // It is made while the scripts run.
  const begun = beginDisk(request);
  begun.catch(() => undefined); // Awaited below; a script that fails first must not leave it unhandled.

  const merged = await overlayTree(lower, workdir, 'provision', ctx.scope);
  {
    await using mounts = new Scope();
    await mountTree(merged, mounts);
    await writeSystemFiles(merged, request);
    const steps = request.items.find((item) => item.kind === 'step');
    // Files that the shipped steps install lie beside them.
    const files = steps
      ? { GABARIT_FILES: await bindInside(merged, join(dirname(steps.source), 'files'), 'files', mounts, { readOnly: true }) }
      : {};
    for (const [index, item] of request.items.entries()) {
      ctx.emit({
        type: 'step.progress',
        step: 'provision',
        done: index,
        total: request.items.length,
        unit: 'items',
        note: item.name,
      });
      if (item.kind === 'file') await copyFileInside(merged, item, environment);
      else await runScript(merged, item, { ...environment, ...request.environment, ...files, ...item.environment }, ctx.emit);
    }
    await renewInitramfs(join(workdir, 'provision-upper'), merged, environment, ctx);
  }
  lap('scripts');
  const { isWhole } = await begun;
  lap('copy');
  const layout = diskLayout(request.diskSize);
  const changed = await replay(request, lower, merged, layout.root.offset);
  await stampExt4(request.disk, {
    offset: layout.root.offset,
    time: sourceDateEpoch,
    uuid: request.identity.rootUuid,
    before: join(request.baseDir, 'disk.raw'),
  });
  await writeBootPartitions(request.disk, layout, request.identity, join(request.baseDir, 'boot'), request.boot, sourceDateEpoch);
  const changes = isWhole ? undefined : await dataExtents(request.disk);
  // All of it is what is said when holes could not be asked for: the rest of the base would be taken for zeros.
  if (changes?.[0]?.end === layout.size)
    throw new AppError('BUILD_FAILED', 'What was written to the disk could not be told from holes');
  lap('write');
  return { changed, ...(changes && { changes }), timings };
}

/**
 * What the changes are written into: the base's metadata alone, since no content of the base is read on the way. Where the file system
 * cannot tell what was written from what was not, it is a whole copy.
 */
async function beginDisk({ baseDir, disk }: ProvisionRequest): Promise<{ isWhole: boolean }> {
  const copy = (name: string): Promise<unknown> =>
    exec(['cp', '--sparse=always', '--reflink=auto', join(baseDir, name), disk], { what: "copying the base's disk" });
  await copy('metadata.raw');
  const [first] = await dataExtents(disk);
  const isWhole = first?.start === 0;
  if (isWhole) await copy('disk.raw');
  return { isWhole };
}

/** What only the engine knows: file systems, boot menu, repository keys. Written first, so that scripts may change it. */
async function writeSystemFiles(tree: string, request: ProvisionRequest): Promise<void> {
  const { identity, kernelArguments } = request;
  const efi = request.boot.uefi ? `UUID=${efiVolumeId(identity)} /boot/efi vfat umask=0077,nofail,x-systemd.automount 0 0\n` : '';
  await writeFile(
    join(tree, 'etc/fstab'),
    `# Made by Gabarit\nUUID=${identity.rootUuid} / ext4 errors=remount-ro,discard 0 1\n${efi}`,
  );
  if (request.boot.uefi) await mkdir(join(tree, 'boot/efi'), { recursive: true, mode: 0o700 });
  await mkdir(join(tree, 'boot/grub'), { recursive: true });
  await writeFile(
    join(tree, 'boot/grub/grub.cfg'),
    grubMenu({ rootUuid: identity.rootUuid, title: request.title, kernelArguments }),
    { mode: 0o600 },
  );
  await writeGrubDefaults(tree, request.title, kernelArguments);
  const keyrings = join(tree, 'etc/apt/keyrings');
  await mkdir(keyrings, { recursive: true });
  for (const { name, source } of request.keys) await writeFile(join(keyrings, name), await readFile(source));
}

async function copyFileInside(
  tree: string,
  item: Extract<PlanProvision, { kind: 'file' }>,
  environment: Record<string, string>,
): Promise<void> {
  await mkdir(join(tree, insideDir), { recursive: true });
  const name = 'file';
  await writeFile(join(tree, insideDir, name), await readFile(item.source));
  const [owner = 'root', group = owner] = item.owner.split(':');
  await runInside(
    tree,
    ['install', '-D', '-m', item.mode, '-o', owner, '-g', group, `${insideDir}/${name}`, item.to],
    environment,
    { errorCode: 'SCRIPT_FAILED', what: `copying ${item.name} to ${item.to}` },
  );
}

/** A script that changed what the initramfs is made of gets a new one. */
async function renewInitramfs(
  upper: string,
  tree: string,
  environment: Record<string, string>,
  ctx: InsideContext,
): Promise<void> {
  const touched = await Promise.all(
    ['etc/initramfs-tools', 'usr/share/initramfs-tools', 'usr/lib/modules', 'etc/crypttab'].map((path) =>
      readdir(join(upper, path)).then(
        (names) => names.length > 0,
        () => false,
      ),
    ),
  );
  if (!touched.some(Boolean)) return;
  ctx.emit({ type: 'step.progress', step: 'provision', done: 0, unit: 'items', note: 'making the initramfs again' });
  await runInside(tree, ['update-initramfs', '-u', '-k', 'all'], environment, { errorCode: 'BUILD_FAILED' });
}

/** Carries the overlay's changes over to the disk, by the image's own debugfs. */
async function replay(request: ProvisionRequest, lower: string, merged: string, offset: number): Promise<number> {
  const { workdir, sourceDateEpoch } = request;
  await using mounts = new Scope();
  await mountTree(lower, mounts);
  const seen = await bindInside(lower, merged, 'merged', mounts, { readOnly: true });
  const out = await bindInside(lower, workdir, 'work', mounts);
  const diskDir = await bindInside(lower, join(request.disk, '..'), 'disk', mounts);
  const environment = { ...insideEnvironment(sourceDateEpoch), E2FSPROGS_FAKE_TIME: String(sourceDateEpoch) };
  const sources: ReplaySources = {
    lower,
    upper: join(workdir, 'provision-upper'),
    merged,
    mergedForDebugfs: seen,
    xattrs: await exportXattrs(`${out}/provision-upper`, '', out, (argv) =>
      runInside(lower, argv, environment, { errorCode: 'BUILD_FAILED' }),
    ),
    time: sourceDateEpoch,
  };
  const { commands, changed } = await planReplay(sources);
  await writeFile(join(workdir, 'replay'), `set_current_time @${sourceDateEpoch}\n${commands.join('\n')}\n`);
  const name = request.disk.split('/').at(-1) ?? '';
  const result = await runInside(
    lower,
    ['debugfs', '-w', '-f', `${out}/replay`, `${diskDir}/${name}?offset=${offset}`],
    environment,
    { errorCode: 'BUILD_FAILED' },
  );
  const complaints = [
    ...result.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('debugfs 1')),
    ...result.stdout.split('\n').filter((line) => line !== '' && !/^(debugfs: |Allocated inode|Setting current time)/.test(line)),
  ];
  if (complaints.length > 0) {
    const full = complaints.some((line) => /no space|Could not allocate block/i.test(line));
    throw new AppError(
      'BUILD_FAILED',
      full
        ? "The image's disk is too small for what provisioning adds"
        : `The changes could not be written to the disk: ${complaints[0]}`,
      {
        ...(full ? { hint: 'Make disk.size larger.' } : {}),
        details: { lastLines: complaints.slice(0, 20) },
      },
    );
  }
  return changed.length;
}
