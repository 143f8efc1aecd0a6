import { mkdtemp, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from '../../src/app.ts';
import type { Plan } from '../../src/model/plan.ts';
import { exec } from '../../src/util/exec.ts';

/** An image on the disk, with the plan that it was made from. */
export interface BuiltImage {
  disk: string;
  format: 'qcow2' | 'raw';
  plan: Plan;
}

/**
 * A real image to boot: the output folder that GABARIT_TEST_IMAGE names, or one that is built now from a shipped template,
 * with the cache of the person who runs the tests. What it is made from then lies in the test's own temporary folder.
 */
export async function builtImage(template: string): Promise<BuiltImage> {
  const folder = process.env['GABARIT_TEST_IMAGE'] ?? (await build(template));
  const plan = JSON.parse(await readFile(join(folder, 'plan.json'), 'utf8')) as Plan;
  return { disk: join(folder, 'disk.qcow2'), format: 'qcow2', plan };
}

/** Removes what {@link builtImage} built for this test file. */
export async function removeBuiltImages(): Promise<void> {
  for (const name of await readdir(tmpdir())) if (name.startsWith('built-')) await rm(join(tmpdir(), name), { recursive: true });
}

async function build(template: string): Promise<string> {
  const cacheDir = process.env['GABARIT_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'gabarit');
  const app = await createApp({ cacheDir });
  const outputDir = await mkdtemp(join(tmpdir(), 'built-'));
  const request = {
    templates: [template],
    force: false,
    jobs: 1,
    checkReproducible: false,
    verify: false,
    offline: false,
    outputDir,
  };
  const [result] = await app.build(request, new AbortController().signal);
  if (result?.output === undefined) throw result?.error ?? new Error(`${template} was not built`);
  return result.output;
}

/** Where the root file system begins in a raw disk, in bytes: its partition is the first in the table. */
async function rootOffset(disk: string): Promise<number> {
  const file = await open(disk, 'r');
  try {
    const { buffer } = await file.read(Buffer.alloc(8), 0, 8, 1024 + 32);
    return Number(buffer.readBigUInt64LE()) * 512;
  } finally {
    await file.close();
  }
}

/** What to change in an image: files by path (undefined removes), symbolic links, permissions. */
export interface Defects {
  files?: Record<string, string | undefined>;
  links?: Record<string, string>;
  modes?: Record<string, string>;
}

/** A raw copy of an image in `folder` with defects in its root file system, planted without mounting it. */
export async function withDefects(
  image: BuiltImage,
  folder: string,
  { files = {}, links = {}, modes = {} }: Defects,
): Promise<BuiltImage> {
  const disk = join(folder, 'planted.raw');
  await exec(['qemu-img', 'convert', '-f', image.format, '-O', 'raw', image.disk, disk]);
  const commands: string[] = [];
  for (const [index, [path, content]] of Object.entries(files).entries()) {
    commands.push(`rm ${path}`);
    if (content === undefined) continue;
    const source = join(folder, `planted-${index}`);
    await writeFile(source, content);
    commands.push(`write ${source} ${path}`, `set_inode_field ${path} uid 0`, `set_inode_field ${path} gid 0`);
  }
  for (const [path, to] of Object.entries(links)) commands.push(`rm ${path}`, `symlink ${path} ${to}`);
  for (const [path, mode] of Object.entries(modes)) commands.push(`set_inode_field ${path} mode ${mode}`);
  const script = join(folder, 'planting');
  await writeFile(script, `${commands.join('\n')}\n`);
  await exec(['debugfs', '-w', '-f', script, `${disk}?offset=${await rootOffset(disk)}`]);
  return { disk, format: 'raw', plan: image.plan };
}

/** A file of the image's root file system. */
export async function readFromImage(image: BuiltImage, folder: string, path: string): Promise<string> {
  const disk = join(folder, 'read.raw');
  await exec(['qemu-img', 'convert', '-f', image.format, '-O', 'raw', image.disk, disk]);
  return (await exec(['debugfs', '-R', `cat ${path}`, `${disk}?offset=${await rootOffset(disk)}`])).stdout;
}
