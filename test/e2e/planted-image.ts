import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findRootPartition } from '../../src/disk/root-partition.ts';
import { type ImageSubject, openImage } from '../../src/disk/open-image.ts';
import { raw } from '../../src/formats/raw.ts';
import type { Rootfs } from '../../src/model/check.ts';
import { exec } from '../../src/util/exec.ts';
import type { BuiltImage } from './built-image.ts';

/** Changes to a root file system, made by debugfs in a copy of a real image, and taken back afterwards. */
export type Plant = (image: Planting) => Promise<void>;

/** What a plant can do. Paths are absolute; folders on the way are made. */
export interface Planting {
  rootfs: Rootfs;
  /** Writes a file, in place of what is there. */
  file(path: string, content: string | Buffer, meta?: { mode?: number; uid?: number; gid?: number }): Promise<void>;
  /** Changes the text of a file that is there; its owner and mode stay. */
  edit(path: string, change: (text: string) => string): Promise<void>;
  folder(path: string): Promise<void>;
  link(path: string, target: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Any other command of debugfs. */
  command(line: string): void;
  /** Bytes at a place of the whole disk. */
  bytes(offset: number, content: Buffer): void;
}

export interface PlantedImage {
  /** Plants all, opens the image, calls `look`, and takes everything back. */
  with(plants: readonly Plant[], look: (subject: ImageSubject) => Promise<void>): Promise<void>;
  remove(): Promise<void>;
}

/** Makes a raw copy of an image to plant in. */
export async function plantedImage({ disk, format }: BuiltImage): Promise<PlantedImage> {
  const folder = await mkdtemp(join(tmpdir(), 'gabarit-planted-'));
  const copy = join(folder, 'disk.raw');
  await exec(['qemu-img', 'convert', '-f', format, '-O', 'raw', disk, copy]);
  const source = await raw.open(copy);
  const root = await findRootPartition(source);
  await source.close();
  const undo = join(folder, 'undo');
  return {
    async with(plants, look) {
      const { commands, bytes } = await collect(plants, copy, folder);
      // e2undo leaves some fields of the superblock as they are.
      const before = [await piece(copy, root.offset, 4096)];
      try {
        if (commands.length > 0) await debugfs(copy, root.offset, commands, undo);
        await using file = await open(copy, 'r+');
        for (const { offset, content } of bytes) {
          before.push(await piece(copy, offset, content.length));
          await file.write(content, 0, content.length, offset);
        }
        const image = await openImage(copy, raw);
        try {
          await look(image.subject);
        } finally {
          await image.close();
        }
      } finally {
        if (commands.length > 0) await exec(['e2undo', '-f', '-o', String(root.offset), undo, copy]);
        await using file = await open(copy, 'r+');
        for (const { offset, content } of before) await file.write(content, 0, content.length, offset);
        await rm(undo, { force: true });
      }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function piece(disk: string, offset: number, length: number): Promise<{ offset: number; content: Buffer }> {
  await using file = await open(disk, 'r');
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
  return { offset, content: buffer };
}

async function debugfs(disk: string, offset: number, commands: string[], undo: string): Promise<void> {
  const { stdout, stderr } = await exec(['debugfs', '-w', '-z', undo, '-f', '-', `${disk}?offset=${offset}`], {
    input: `${commands.join('\n')}\n`,
  });
  const complaints = `${stdout}\n${stderr}`
    .split('\n')
    .filter((line) => line !== '' && !/^(debugfs[ :]|Allocated inode|Overwriting existing|To undo|\s*e2undo)/.test(line));
  if (complaints.length > 0) throw new Error(`debugfs: ${complaints.join('; ')}`);
}

/** Turns plants into commands. */
async function collect(
  plants: readonly Plant[],
  disk: string,
  folder: string,
): Promise<{ commands: string[]; bytes: { offset: number; content: Buffer }[] }> {
  const image = await openImage(disk, raw);
  const { rootfs } = image.subject;
  const commands: string[] = [];
  const bytes: { offset: number; content: Buffer }[] = [];
  const made = new Set<string>();
  const texts = new Map<string, string>();
  let files = 0;
  const exists = async (path: string): Promise<boolean> => made.has(path) || (await rootfs.stat(path)) !== undefined;
  const at = (path: string): string => {
    commands.push(`cd "${dirname(path)}"`);
    return `"${path.slice(path.lastIndexOf('/') + 1)}"`;
  };
  const planting: Planting = {
    rootfs,
    async folder(path) {
      if (path === '/' || (await exists(path))) return;
      await planting.folder(dirname(path));
      commands.push(`mkdir "${path}"`);
      made.add(path);
    },
    async file(path, content, { mode = 0o644, uid = 0, gid = 0 } = {}) {
      await planting.folder(dirname(path));
      const source = join(folder, `file-${files}`);
      files += 1;
      await writeFile(source, content);
      if (await exists(path)) commands.push(`rm "${path}"`);
      commands.push(
        `write "${source}" ${at(path)}`,
        `sif "${path}" mode 010${mode.toString(8).padStart(4, '0')}`,
        `sif "${path}" uid ${uid}`,
        `sif "${path}" gid ${gid}`,
      );
      made.add(path);
      texts.set(path, content.toString());
    },
    async edit(path, change) {
      const stat = await rootfs.stat(path);
      const text = texts.get(path) ?? (await rootfs.readText(path));
      if (!stat || text === undefined) throw new Error(`${path} is not there to be edited`);
      const changed = change(text);
      if (changed === text) throw new Error(`nothing to change was found in ${path}`);
      await planting.file(path, changed, stat);
    },
    async link(path, target) {
      await planting.folder(dirname(path));
      if (await exists(path)) commands.push(`rm "${path}"`);
      commands.push(`symlink ${at(path)} "${target}"`);
      made.add(path);
    },
    async remove(path) {
      commands.push(`rm "${path}"`);
      return Promise.resolve();
    },
    command: (line) => void commands.push(line),
    bytes: (offset, content) => void bytes.push({ offset, content }),
  };
  try {
    for (const plant of plants) await plant(planting);
    return { commands, bytes };
  } finally {
    await image.close();
  }
}
