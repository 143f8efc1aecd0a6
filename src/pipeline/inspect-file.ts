import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { inspectDisk } from '../disk/inspect-disk.ts';
import { inspectMedium } from '../disk/inspect-medium.ts';
import { looksLikeIso9660, openIso9660 } from '../disk/iso9660.ts';
import type { BlockSource, FileProbe, Format, FormatFacts } from '../model/format.ts';
import type { DiskInspection, Inspection } from '../model/inspection.ts';
import type { Manifest } from '../model/manifest.ts';
import type { StepContext } from '../model/step.ts';
import { AppError } from '../util/errors.ts';
import { componentsBeside } from './components-beside.ts';
import { detectFormat, formatOf, probeFile } from './detect-format.ts';
import { runTitled } from '../util/run-titled.ts';
import { readManifest } from './output-folder.ts';

/**
 * Says what a file is by its content: its format with all checksums compared, the disks in it with their partitions, and the
 * operating system there, and the list of components beside it; or the medium. A folder stands for the first image in it. @throws AppError NOT_FOUND, IMAGE_INVALID, USAGE
 */
export async function inspectFile(
  given: string,
  { from }: { from?: string },
  formats: readonly Format[],
  ctx: StepContext,
): Promise<Inspection> {
  const path = (await isFolder(given)) ? join(given, firstArtifact(await readManifest(given))) : given;
  const probe = await probeFile(path);
  const base = { schema: 'gabarit.inspection/1' as const, path, size: probe.size };
  const medium = from === undefined ? await mediumOf(probe, formats) : undefined;
  if (medium) return { ...base, format: 'iso9660', facts: {}, disks: [], medium };
  const format = from === undefined ? await detectFormat(formats, probe) : formatOf(formats, from);
  const { facts, checksums, disks } = await runTitled('inspect', `Reading ${format.id}`, ctx.emit, () =>
    readWhole(path, format, ctx),
  );
  const components = await componentsBeside(path, probe.size);
  return { ...base, format: format.id, facts, ...(checksums ? { checksums } : {}), disks, ...(components ? { components } : {}) };
}

async function isFolder(path: string): Promise<boolean> {
  // What is not there is told of by whoever opens it.
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}

function firstArtifact({ artifacts, template, version }: Manifest): string {
  const [first] = artifacts;
  if (!first) throw new AppError('IMAGE_INVALID', `The manifest of ${template} ${version} names no image`);
  return first.name;
}

async function readWhole(
  path: string,
  format: Format,
  ctx: StepContext,
): Promise<Omit<FormatFacts, 'disks'> & { disks: DiskInspection[] }> {
  const { disks: count = 1, ...told } = await format.inspect(path, ctx);
  const disks: DiskInspection[] = [];
  for (let disk = 0; disk < count; disk += 1) {
    const source = await format.open(path, { spoolDir: ctx.workdir, disk });
    disks.push(await closing(source, inspectDisk));
  }
  return { ...told, disks };
}

/** Media are raw disks too, since they start from USB sticks: so they are asked for first. */
async function mediumOf({ path }: FileProbe, formats: readonly Format[]): Promise<Inspection['medium']> {
  return closing(await formatOf(formats, 'raw').open(path), async (source) =>
    (await looksLikeIso9660(source)) ? inspectMedium(await openIso9660(source)) : undefined,
  );
}

async function closing<T>(source: BlockSource, work: (source: BlockSource) => Promise<T>): Promise<T> {
  try {
    return await work(source);
  } finally {
    await source.close();
  }
}
