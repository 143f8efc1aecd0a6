import { Readable } from 'node:stream';
import type {
  ConditionalWrites,
  ObjectInfo,
  PutOptions,
  PutSource,
  Store,
  StoreContext,
  StorePlugin,
  TransferOptions,
} from '../model/store.ts';
import { AppError, isCancellation, toAppError } from '../util/errors.ts';
import { parseAddress } from './s3/address.ts';
import { type Conditions, findConditions as probeConditions, probePrefix } from './s3/conditional-writes.ts';
import { connect, settingsOf } from './s3/connection.ts';
import { diagnoseS3 } from './s3/doctor.ts';
import { downloadRanges } from './s3/download.ts';
import { deleteObject, type Found, listObjects, lookAt, openObject } from './s3/objects.ts';
import { isOnePiece } from './s3/part-layout.ts';
import { readAll } from './s3/part-source.ts';
import { putParts } from './s3/put-parts.ts';
import { putWhole, type WriteContext } from './s3/put-whole.ts';
import { payloadOf } from './s3/request-body.ts';
import { holdsSame } from './s3/same-object.ts';
import { sweepS3 } from './s3/sweep.ts';
import { createThrottle } from './s3/throttle.ts';
import { sweepUnfinished } from './s3/unfinished.ts';
import { checkKey, checkPrefix, isKey } from './shared/keys.ts';
import { refuseOther } from './shared/verified-body.ts';

/** A bucket, or a prefix in one, as a store: `s3://bucket/prefix`. */
export const s3: StorePlugin = {
  id: 's3',
  accepts: (url) => url.startsWith('s3:'),
  isLimited: true,
  open: openS3Store,
  diagnose: diagnoseS3,
  sweep: sweepS3,
};

/** Nothing is asked yet. @throws AppError USAGE, CONFIG_INVALID */
export function openS3Store(url: string, context: StoreContext): Store {
  const address = parseAddress(url);
  const settings = settingsOf(address, context);
  const connection = connect(settings, context);
  const throttle = createThrottle(settings.limit);
  let conditions: Promise<Conditions> | undefined;
  const swept = new Set<string>();

  function wholeKey(key: string): string {
    checkKey(key);
    return address.prefix + key;
  }

  function infoOf(key: string, { size, etag, modified }: Found): ObjectInfo {
    return { key, size, etag, ...(modified ? { modified } : {}) };
  }

  /** Asked by whoever needs it first; a failure is not remembered. */
  function findConditions(): Promise<Conditions> {
    conditions ??= probeConditions(connection, context.stateDir).catch((error: unknown) => {
      conditions = undefined;
      throw error;
    });
    return conditions;
  }

  async function conditionalWrites(): Promise<ConditionalWrites> {
    const { ifAbsent, ifMatch } = await findConditions();
    return { ifAbsent, ifMatch: ifMatch !== 'no' };
  }

  async function put(key: string, source: PutSource, options: PutOptions): Promise<ObjectInfo> {
    const target = wholeKey(key);
    const { size, digest, signal, ifAbsent, ifMatch } = options;
    const write: WriteContext = {
      connection,
      throttle,
      findConditions,
      signal,
      onProgress: (bytes) => options.onProgress?.(bytes),
    };
    const condition = { ifAbsent, ifMatch };
    try {
      if (!isOnePiece(size, settings.partSize)) {
        await sweepOnce(target, signal);
        return infoOf(
          key,
          await putParts(write, { key: target, source, size, sha256: digest.replace(/^sha256:/, ''), condition }),
        );
      }
      const payload = payloadOf(await readAll(key, source, size));
      refuseOther(key, payload.bytes.length, payload.sha256, options);
      return infoOf(key, await putWhole(write, target, payload, condition));
    } catch (error) {
      throw cancelledOr(error, signal, `Cannot write ${key} to ${address.url}`);
    }
  }

  /** Before the first large object goes below a folder of the store: those uploads there that nobody goes on with. */
  async function sweepOnce(target: string, signal: AbortSignal | undefined): Promise<void> {
    const prefix = target.slice(0, target.indexOf('/', address.prefix.length) + 1) || target;
    if (swept.has(prefix)) return;
    swept.add(prefix);
    try {
      await sweepUnfinished(connection, prefix, signal);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'STORE_DENIED') throw error;
      context.emit({
        type: 'log',
        level: 'warn',
        message: `Unfinished uploads in ${address.url} cannot be removed: ${error.message}`,
      });
    }
  }

  async function get(key: string, signal?: AbortSignal): Promise<Readable> {
    try {
      return Readable.from(await openObject(connection, wholeKey(key), signal), { objectMode: false });
    } catch (error) {
      throw cancelledOr(error, signal, `Cannot read ${key} of ${address.url}`);
    }
  }

  async function download(key: string, path: string, options: TransferOptions): Promise<void> {
    try {
      await downloadRanges(connection, throttle, key, wholeKey(key), path, options);
    } catch (error) {
      throw cancelledOr(error, options.signal, `Cannot read ${key} of ${address.url}`);
    }
  }

  async function head(key: string): Promise<ObjectInfo | undefined> {
    const found = await lookAt(connection, wholeKey(key));
    return found && infoOf(key, found);
  }

  async function holds(key: string, source: PutSource, announced: TransferOptions): Promise<boolean> {
    const target = wholeKey(key);
    // What was sent as a whole is small: read, it proves itself.
    if (isOnePiece(announced.size, settings.partSize)) return false;
    try {
      return await holdsSame(connection, target, source, announced, announced.signal);
    } catch (error) {
      throw cancelledOr(error, announced.signal, `Cannot look at ${key} of ${address.url}`);
    }
  }

  async function* list(prefix: string): AsyncGenerator<ObjectInfo> {
    checkPrefix(prefix);
    for await (const found of listObjects(connection, address.prefix + prefix)) {
      const key = found.key.slice(address.prefix.length);
      // What others put into the bucket under names that are no keys is not ours.
      if (isKey(key) && !key.startsWith(probePrefix)) yield infoOf(key, found);
    }
  }

  async function remove(key: string): Promise<void> {
    await deleteObject(connection, wholeKey(key));
  }

  return { id: 's3', url: address.url, put, get, download, head, holds, list, delete: remove, conditionalWrites };
}

function cancelledOr(error: unknown, signal: AbortSignal | undefined, what: string): AppError {
  if (!(error instanceof AppError) && (isCancellation(error) || signal?.aborted))
    return new AppError('CANCELLED', 'Cancelled', { cause: error });
  return toAppError(error, 'STORE_FAILED', what);
}
