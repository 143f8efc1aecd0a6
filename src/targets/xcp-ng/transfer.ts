import { Readable } from 'node:stream';
import { nullRef, type UploadOptions, type UploadSource, type VmRef, xapiErrorOf } from '../../clients/xapi.ts';
import type { BlockSource } from '../../model/format.ts';
import { formatSize } from '../../model/size.ts';
import type { DeployRequest, ImageIdentity } from '../../model/target.ts';
import { AppError } from '../../util/errors.ts';
import { retry } from '../../util/retry.ts';
import { importingName, marks, taskLabel } from './marks.ts';
import { makeDisk, makeVm } from './make-vm.ts';
import { type Pool, step } from './pool.ts';
import type { Prepared } from './preflight.ts';
import { sweepRuns } from './sweep.ts';
import type { OwnVm } from './view.ts';

/** How often an image is sent when the connection breaks; XAPI cannot go on in the middle. */
const attempts = 2;

/** Sends an image and makes it a VM template under a name of its own, beside what is there. */
export async function importImage(
  pool: Pool,
  request: DeployRequest,
  prepared: NonNullable<Prepared['import']>,
): Promise<{ vm: OwnVm; sent: number }> {
  await using disk = closing(await request.openDisk());
  return await step(pool, 'send', 'Sending the image', () => sendDisk(pool, request, disk.source, prepared));
}

async function sendDisk(
  pool: Pool,
  request: DeployRequest,
  disk: BlockSource,
  prepared: NonNullable<Prepared['import']>,
): Promise<{ vm: OwnVm; sent: number }> {
  const { ctx, settings } = pool;
  const { signal } = ctx;
  const vm = machineOf(pool, request);
  const vhd = settings.import === 'vhd' ? await ctx.packDisk(disk, vm, { signal }) : undefined;
  const stream = vhd ?? (await ctx.pack([disk], vm, { checksum: prepared.checksum, signal }));
  const source = { length: stream.length, open: () => Readable.from(stream.open(signal), { objectMode: false }) };
  const send = (): Promise<VmRef> =>
    vhd ? sendVhd(pool, request, source, prepared, vm, vhd.virtualSize) : sendXva(pool, request, source, prepared);
  const attempt = async (count: number): Promise<VmRef> => {
    // What an attempt before this one left would have the same name.
    if (count > 1) await sweepRuns(pool, (other) => other === ctx.journal.run, { keepLease: true });
    await ctx.journal.record({ kind: 'vm', name: vm.name });
    return send();
  };
  const ref = await retry(attempt, {
    attempts,
    delayMs: 2000,
    signal,
    retryable: (error) => error instanceof AppError && error.code === 'TARGET_UNREACHABLE',
    onRetry: (error) => {
      const message = error instanceof Error ? error.message : String(error);
      ctx.emit({ type: 'log', level: 'warn', message: `${message}; sending it again` });
    },
  });
  return { vm: await finish(pool, ref, request.image, prepared), sent: stream.length };
}

function closing<T extends { close(): Promise<void> }>(source: T): AsyncDisposable & { source: T } {
  return { source, [Symbol.asyncDispose]: () => source.close() };
}

/** The machine as it is on the pool from the first moment on: its name and its marks say whose it is. */
function machineOf({ settings, ctx }: Pool, { image, vm }: DeployRequest): DeployRequest['vm'] {
  const mebibytes = settings.memory === undefined ? undefined : Math.max(1, Math.round(settings.memory / 2 ** 20));
  return {
    ...vm,
    name: importingName(image, ctx.journal.run),
    version: image.version,
    digest: image.digest,
    isTemplate: false,
    networks: [],
    cpus: settings.cpus ?? vm.cpus,
    memory:
      mebibytes === undefined ? vm.memory : { recommendedMiB: mebibytes, minimumMiB: Math.min(mebibytes, vm.memory.minimumMiB) },
    marks: markedBy(image, ctx.journal.run),
    tags: ['gabarit', ...settings.tags],
  };
}

function markedBy({ template, version, digest }: ImageIdentity, run: string): Record<string, string> {
  return { [marks.template]: template, [marks.version]: version, [marks.digest]: digest, [marks.run]: run };
}

/** How bytes are sent, whatever they are. */
function uploadOf({ ctx, settings }: Pool, { image, bytesPerSecond }: DeployRequest, total: number): UploadOptions {
  const { run } = ctx.journal;
  const limit = bytesPerSecond ?? settings.limit;
  return {
    signal: ctx.signal,
    stallMs: settings.stallMinutes * 60_000,
    taskLabel: taskLabel(image, run),
    taskOtherConfig: markedBy(image, run),
    onTask: (task) => ctx.journal.record({ kind: 'task', name: task }),
    onBytes: (done) => ctx.emit({ type: 'step.progress', step: 'send', done, total, unit: 'bytes' }),
    ...(limit === undefined ? {} : { bytesPerSecond: limit }),
  };
}

/** As a whole machine. */
async function sendXva(
  pool: Pool,
  request: DeployRequest,
  source: UploadSource,
  { sr }: NonNullable<Prepared['import']>,
): Promise<VmRef> {
  const sending = pool.xapi.importXva(source, { sr, ...uploadOf(pool, request, source.length) });
  const made = await sending.catch((error: unknown) => {
    throw xapiErrorOf(error) === 'IMPORT_ERROR_PREMATURE_EOF' ? brokenOff(pool, error) : error;
  });
  const [ref, more] = made;
  if (ref !== undefined && more === undefined) return ref;
  throw new AppError(
    'TARGET_FAILED',
    `${pool.name}: the import of ${formatSize(source.length)} made ${made.length} VMs instead of one`,
  );
}

/** As a disk, for which a machine is made when it is there. */
async function sendVhd(
  pool: Pool,
  request: DeployRequest,
  source: UploadSource,
  { sr }: NonNullable<Prepared['import']>,
  vm: DeployRequest['vm'],
  virtualSize: number,
): Promise<VmRef> {
  const disk = await makeDisk(pool, vm, sr, virtualSize);
  await pool.xapi
    .importVdi(disk, source, { format: 'vhd', ...uploadOf(pool, request, source.length) })
    .catch((error: unknown) => {
      throw xapiErrorOf(error) === 'VDI_IO_ERROR' ? notTaken(pool, error) : error;
    });
  return makeVm(pool, vm, disk);
}

/** What we send is whole: when the host saw too early an end, the connection broke with the last bytes in it. */
function brokenOff({ name }: Pool, cause: unknown): AppError {
  return new AppError('TARGET_UNREACHABLE', `${name}: the connection broke while the image was sent`, {
    cause,
    hint: 'The host has removed what it had taken so far. Try again.',
  });
}

/** A host calls a broken connection so, too: it is worth another attempt. */
function notTaken({ name }: Pool, cause: unknown): AppError {
  return new AppError(
    'TARGET_UNREACHABLE',
    `${name}: the disk was not taken to its end: the connection broke, or the storage failed`,
    {
      cause,
      hint: 'The disk was removed again. Try again; when it always fails, look at the storage of the pool.',
    },
  );
}

/** From here on the VM is known by its UUID, and what is copied from it is not taken for ours. */
async function finish(
  { xapi, settings }: Pool,
  ref: VmRef,
  image: ImageIdentity,
  { networks }: NonNullable<Prepared['import']>,
): Promise<OwnVm> {
  const before = await xapi.call('VM.get_record', ref);
  await xapi.call('VM.add_to_other_config', ref, marks.uuid, before.uuid);
  const devices = Object.values(await xapi.call('VBD.get_all_records')).filter(({ VM, VDI }) => VM === ref && VDI !== nullRef);
  for (const { VDI } of devices) {
    await xapi.call('VDI.remove_from_other_config', VDI, marks.run);
    await xapi.call('VDI.set_name_label', VDI, image.template);
    await xapi.call('VDI.set_name_description', VDI, `Disk of ${image.template} ${image.version}, made by Gabarit`);
  }
  for (const vif of before.VIFs) await xapi.call('VIF.destroy', vif);
  for (const [device, network] of networks.entries()) {
    await xapi.call('VIF.create', {
      VM: ref,
      network,
      device: String(device),
      MAC: '',
      MTU: 1500,
      other_config: {},
      qos_algorithm_type: '',
      qos_algorithm_params: {},
    });
  }
  await xapi.call('VM.set_tags', ref, ['gabarit', ...settings.tags]);
  await xapi.call('VM.set_is_a_template', ref, true);
  const { uuid, name_label: name, other_config: otherConfig } = await xapi.call('VM.get_record', ref);
  return { ...image, ref, uuid, name, isTemplate: true, run: otherConfig[marks.run], serial: 0 };
}
