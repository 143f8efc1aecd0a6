import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { exec } from '../../src/util/exec.ts';
import { digestOfFile } from '../../src/util/digest.ts';
import { startGabarit } from './gabarit-process.ts';
import type { PreparedCache } from './prepared-cache.ts';

export interface FullDisk {
  /** The step that found the disk full. */
  step: string;
  sizeMiB: number;
}

/**
 * Builds the plan with output and cache on a disk of each of these sizes, one after the other, until one is large enough. Every
 * failure must be DISK_FULL and leave nothing half-written; what comes out in the end must be the right disk. `given` lists
 * the parts of the prepared cache that lie elsewhere and are there already; `cache` means all of it.
 */
export async function growUntilItFits(
  prepared: PreparedCache,
  given: string[] | 'cache',
  sizesMiB: number[],
): Promise<FullDisk[]> {
  const disk = join(prepared.folder, 'disk');
  const cacheDir = given === 'cache' ? prepared.cacheDir : join(disk, 'cache');
  const outputDir = join(disk, 'out');
  const failures: FullDisk[] = [];
  await mkdir(disk, { recursive: true });
  await exec(['mount', '-t', 'tmpfs', '-o', `size=${sizesMiB[0]}m`, 'gabarit-test', disk]);
  try {
    await mkdir(join(cacheDir, 'layers'), { recursive: true });
    for (const path of given === 'cache' ? [] : given) await symlink(join(prepared.cacheDir, path), join(cacheDir, path));
    for (const sizeMiB of sizesMiB) {
      await exec(['mount', '-o', `remount,size=${sizeMiB}m`, disk]);
      const run = startGabarit(['build', '--plan', join(prepared.folder, 'plan.json')], { cacheDir, outputDir });
      const code = await run.ended;
      const template = join(outputDir, prepared.plan.template.name);
      const images = (await readdir(template).catch(() => [] as string[])).filter((name) => name !== '.lock');
      expect(await readdir(join(cacheDir, 'runs')).catch(() => []), `${sizeMiB} MiB`).toEqual([]);
      if (code === 0) {
        expect(images.length).toBe(1);
        expect(await digestOfFile(join(template, images[0] ?? '', 'disk.qcow2'))).toBe(prepared.diskDigest);
        return failures;
      }
      expect(images, `${sizeMiB} MiB`).toEqual([]);
      const answer = run.lines.at(-1) as unknown as { results?: { error: object }[] };
      expect(answer.results?.[0]?.error ?? answer, `${sizeMiB} MiB: ${JSON.stringify(run.lines.slice(-3))}`).toMatchObject({
        code: 'DISK_FULL',
        exit: 4,
        hint: expect.stringContaining('GABARIT_CACHE') as string,
      });
      expect(code).toBe(4);
      const failed = run.lines.flatMap((line) => ('step' in line && line.type === 'step.failed' ? [line.step] : []));
      failures.push({ step: failed.at(-1) ?? 'output', sizeMiB });
    }
    throw new Error(`${sizesMiB.at(-1)} MiB are not enough`);
  } finally {
    await exec(['umount', disk]);
  }
}
