import { randomBytes } from 'node:crypto';
import { link, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { inspectDisk } from '../disk/inspect-disk.ts';
import type { Conversion, ConversionRequest } from '../model/conversion.ts';
import type { BlockSource, Format } from '../model/format.ts';
import type { StepContext } from '../model/step.ts';
import { describeDisk, type VmDescription } from '../model/vm-description.ts';
import { readCredential } from '../util/credential.ts';
import { AppError, errnoOf } from '../util/errors.ts';
import { finishFile, syncFolder } from '../util/files.ts';
import { didYouMean } from '../util/suggest.ts';
import { detectFormat, formatOf, probeFile } from './detect-format.ts';
import { runTitled } from '../util/run-titled.ts';
import { copyDisk } from './steps/copy-disk.ts';

/**
 * Writes a disk in another format. The new file is there whole or not at all, and nothing is replaced unless `force` says so.
 * @throws AppError NOT_FOUND, IMAGE_INVALID, USAGE, CONFLICT, BUILD_FAILED, DISK_FULL
 */
export async function convertFile(
  request: ConversionRequest,
  formats: readonly Format[],
  ctx: StepContext,
  environment: Readonly<NodeJS.ProcessEnv> = {},
): Promise<Conversion> {
  const started = performance.now();
  const chosen = withChoices(formatOf(formats, request.to), request.choices);
  const target = request.signer === undefined ? chosen : await signedBy(request.signer, chosen, environment);
  const probe = await probeFile(request.source);
  const from = request.from === undefined ? await detectFormat(formats, probe) : formatOf(formats, request.from);
  const path =
    request.out ?? join(request.folder ?? dirname(request.source), `${stemOf(request.source, formats)}.${target.extension}`);
  await checkTarget(path, request);
  const part = `${path}.${randomBytes(4).toString('hex')}.part`;
  ctx.scope.defer(() => rm(part, { force: true }));

  const disk = from.id === 'raw' ? request.source : join(ctx.workdir, 'disk.raw');
  const source = await from.open(request.source, { spoolDir: ctx.workdir, disk: request.disk });
  let vm: VmDescription;
  try {
    vm = await describe(source, basename(path, `.${target.extension}`), request.machine);
    if (disk !== request.source)
      await runTitled('read', `Reading ${from.id}`, ctx.emit, () => copyDisk(source, disk, 'read', ctx));
  } finally {
    await source.close();
  }
  const built = { disk, virtualSize: source.size, sourceDateEpoch: vm.time, timings: {}, tools: {} };
  await runTitled('convert', `Writing ${target.id}`, ctx.emit, () => target.write(built, part, ctx, vm));
  await (request.force ? finishFile(part, path) : finishNewFile(part, path));
  const written = await target.open(path, { spoolDir: ctx.workdir });
  await written.close();
  const durationMs = performance.now() - started;
  return { from: from.id, format: target.id, path, size: (await stat(path)).size, virtualSize: written.size, durationMs };
}

/** @throws AppError USAGE for what the format does not let one choose */
function withChoices(format: Format, choices: Readonly<Record<string, string>>): Format {
  const options = format.options ?? {};
  for (const [name, value] of Object.entries(choices)) {
    const values = options[name];
    if (!values) {
      const known = Object.entries(options).map(([key, all]) => `${key}=${all.join('|')}`);
      throw new AppError('USAGE', `${format.id} has no option "${name}"${didYouMean(name, Object.keys(options))}`, {
        hint: known.length > 0 ? `It has ${known.join(' and ')}.` : 'It has none.',
      });
    }
    if (!values.includes(value)) {
      const hint = `Values are ${values.join(', ')}.`;
      throw new AppError('USAGE', `"${value}" is no ${name} of ${format.id}`, { hint });
    }
  }
  return Object.keys(choices).length > 0 ? (format.with?.({ ...choices }) ?? format) : format;
}

/** @throws AppError USAGE, CONFIG_INVALID */
async function signedBy(reference: string, format: Format, environment: Readonly<NodeJS.ProcessEnv>): Promise<Format> {
  if (!format.signed) throw new AppError('USAGE', `A file of format ${format.id} cannot be signed`, { hint: 'An OVA can.' });
  return format.signed(await readCredential(reference, environment));
}

/** The name of a file without the ending that its format gives it. */
function stemOf(path: string, formats: readonly Format[]): string {
  const name = basename(path);
  const endings = formats.map(({ extension }) => `.${extension}`).toSorted((a, b) => b.length - a.length);
  const ending = [...endings, '.img'].find((each) => name.toLowerCase().endsWith(each) && name.length > each.length);
  return ending === undefined ? name : name.slice(0, -ending.length);
}

async function checkTarget(path: string, { source, force }: ConversionRequest): Promise<void> {
  const [folder, there, input] = await Promise.all([
    stat(dirname(path)).catch(() => undefined),
    stat(path).catch(() => undefined),
    stat(source),
  ]);
  if (folder?.isDirectory() !== true)
    throw new AppError('NOT_FOUND', `There is no folder ${dirname(path)} for ${basename(path)}`);
  if (!there) return;
  if (there.ino === input.ino && there.dev === input.dev)
    throw new AppError('USAGE', `${path} is the file that is read`, { hint: 'Name another one by --out.' });
  if (!force || !there.isFile()) throw isThere(path);
}

function isThere(path: string): AppError {
  return new AppError('CONFLICT', `${path} is there already`, {
    hint: 'Name another file by --out, or replace it with --force.',
  });
}

/** Gives a finished file its name, unless somebody else has taken it meanwhile. */
async function finishNewFile(part: string, path: string): Promise<void> {
  try {
    // Renaming would replace what is there; a second name does not.
    await link(part, path);
    await rm(part);
    await syncFolder(dirname(path));
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw isThere(path);
    // A file system without second names.
    await finishFile(part, path);
  }
}

/** What the disk itself tells of the machine, under what the person says. */
async function describe(source: BlockSource, name: string, machine: Partial<VmDescription>): Promise<VmDescription> {
  const { firmware, system } = await inspectDisk(source);
  return describeDisk({
    name,
    ...(firmware.length === 1 && firmware[0] ? { firmware: firmware[0] } : {}),
    ...(system ? { os: { title: system.title, family: system.distro, release: system.release } } : {}),
    ...machine,
  });
}
