import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Stats } from 'node:fs';
import { AppError } from '../../util/errors.ts';
import type { ChangedXattrs } from './export-xattrs.ts';

/**
 * Turns what provisioning changed (the upper folder of an overlay) into commands for debugfs, which carries them out on a copy of
 * the base's disk: a small change costs a small time, and the outcome depends only on the base and the change.
 */
export interface ReplaySources {
  /** The tree of the base layer. */
  lower: string;
  /** What overlayfs recorded. */
  upper: string;
  /** Both together, as the scripts saw it. */
  merged: string;
  /** Where debugfs finds `merged`. */
  mergedForDebugfs: string;
  /** Extended attributes of what changed, as files that debugfs can read. */
  xattrs: ChangedXattrs;
  /** Seconds since 1970: later times are left out, they are clamped afterwards. */
  time: number;
}

export interface Replay {
  commands: string[];
  /** Paths that were written or removed, sorted. */
  changed: string[];
}

export async function planReplay(sources: ReplaySources): Promise<Replay> {
  const commands: string[] = [];
  const changed: string[] = [];
  /** First path of each file with several names, by inode. */
  const linked = new Map<number, { path: string; names: number }>();

  const remove = async (path: string): Promise<void> => {
    const at = join(sources.lower, path);
    const stat = await lstat(at);
    if (stat.isDirectory()) {
      for (const name of (await readdir(at)).toSorted()) await remove(`${path}/${name}`);
      commands.push(`rmdir ${quote(path)}`);
    } else commands.push(`rm ${quote(path)}`);
    changed.push(path);
  };

  const setMeta = (path: string, stat: Stats): void => {
    commands.push(
      `sif ${quote(path)} mode 0${stat.mode.toString(8)}`,
      `sif ${quote(path)} uid ${stat.uid}`,
      `sif ${quote(path)} gid ${stat.gid}`,
    );
    const mtime = Math.floor(stat.mtimeMs / 1000);
    commands.push(`sif ${quote(path)} mtime @${Math.min(mtime, sources.time)}`);
    for (const name of sources.xattrs.gone.get(path) ?? []) commands.push(`ea_rm ${quote(path)} ${quote(name)}`);
    for (const { name, file } of sources.xattrs.files.get(path) ?? [])
      commands.push(`ea_set -f ${quote(file)} ${quote(path)} ${quote(name)}`);
    changed.push(path);
  };

  const setFolder = (path: string, stat: Stats, old: Stats): void => {
    const { files, gone } = sources.xattrs;
    const same = stat.mode === old.mode && stat.uid === old.uid && stat.gid === old.gid;
    if (!same || files.has(path) || gone.has(path)) setMeta(path, stat);
  };

  const visit = async (folder: string): Promise<void> => {
    const upper = await readdir(join(sources.upper, folder));
    const lower = await readdir(join(sources.lower, folder)).catch(() => [] as string[]);
    const merged = new Set(await readdir(join(sources.merged, folder)));
    for (const name of lower.toSorted()) if (!merged.has(name)) await remove(`${folder}/${name}`);
    const before = new Set(lower);
    for (const name of upper.toSorted()) {
      if (!merged.has(name)) continue; // Overlayfs's mark of a removed name.
      const path = `${folder}/${name}`;
      checkName(path);
      const stat = await lstat(join(sources.merged, path));
      const old = before.has(name) ? await lstat(join(sources.lower, path)) : undefined;
      if (stat.isDirectory()) {
        if (old !== undefined && !old.isDirectory()) await remove(path);
        if (old?.isDirectory()) setFolder(path, stat, old);
        else {
          commands.push(`mkdir ${quote(path)}`);
          setMeta(path, stat);
        }
        await visit(path);
        continue;
      }
      if (old !== undefined) await remove(path);
      const first = stat.nlink > 1 ? linked.get(stat.ino) : undefined;
      if (first !== undefined) {
        first.names += 1;
        // `ln` does not make room in a full folder; `symlink` does.
        commands.push(`symlink ${quote(path)} x`, `rm ${quote(path)}`);
        commands.push(`ln ${quote(first.path)} ${quote(path)}`, `sif ${quote(first.path)} links_count ${first.names}`);
        changed.push(path);
        continue;
      }
      if (stat.nlink > 1) linked.set(stat.ino, { path, names: 1 });
      if (stat.isSymbolicLink()) commands.push(`symlink ${quote(path)} ${quote(await readlink(join(sources.merged, path)))}`);
      else if (stat.isFile()) commands.push(`write ${quote(`${sources.mergedForDebugfs}${path}`)} ${quote(path)}`);
      // `mknod` knows names only, no paths.
      else if (stat.isFIFO()) commands.push(`cd ${quote(`${folder}/`)}`, `mknod ${quote(name)} p`, 'cd /');
      else
        throw new AppError('BUILD_FAILED', `Provisioning made ${path}, which is neither a file, a folder, a link nor a pipe`, {
          hint: 'Device nodes and sockets do not belong in an image.',
        });
      setMeta(path, stat);
    }
  };
  setFolder('/', await lstat(sources.merged), await lstat(sources.lower));
  await visit('');
  return { commands, changed: [...new Set(changed)].toSorted() };
}

function checkName(path: string): void {
  const hint = 'Rename it: such a name cannot be written to the image.';
  if (path.includes('\ufffd')) throw new AppError('BUILD_FAILED', `The name ${JSON.stringify(path)} is not UTF-8`, { hint });
  if (/[\n\r]/.test(path)) throw new AppError('BUILD_FAILED', `The name ${JSON.stringify(path)} has a line break`, { hint });
}

/** Quotes an argument for debugfs's command language. */
function quote(text: string): string {
  checkName(text);
  return `"${text.replaceAll('"', '""')}"`;
}
