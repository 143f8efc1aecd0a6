import type { Readable } from 'node:stream';
import type { Emit } from '../util/events.ts';
import type { DiagnoseOptions, StoreDiagnosis } from './store-diagnosis.ts';
import type { StoreSettings } from './store-settings.ts';

export interface ObjectInfo {
  key: string;
  size: number;
  /** An opaque tag that changes with the content, for `ifMatch`. */
  etag: string;
  /** When it was written, where the store tells. */
  modified?: Date;
}

/** What is to be stored: a file, so that much of it can be sent at once and what was sent need not be sent again, or a few bytes. */
export type PutSource = { path: string } | { bytes: Uint8Array };

/** What every byte of an object is compared with. */
export interface Announced {
  /** `sha256:…` of the whole object. */
  digest: string;
  size: number;
}

export interface TransferOptions extends Announced {
  signal?: AbortSignal | undefined;
  /** Called with all bytes so far, those of an earlier attempt included. */
  onProgress?: ((bytes: number) => void) | undefined;
}

export interface PutOptions extends TransferOptions {
  /** Only when nothing is there yet. @throws AppError CONFLICT */
  ifAbsent?: boolean;
  /** Only when the object still has this tag. @throws AppError CONFLICT */
  ifMatch?: string;
}

/** Which conditions of a write the store carries out as one act, whoever else writes at the same time. */
export interface ConditionalWrites {
  ifAbsent: boolean;
  ifMatch: boolean;
}

/** Where bytes lie. Keys are `[A-Za-z0-9._/-]+` without segments that are empty or begin with a dot. An object is there whole or not at all. */
export interface Store {
  id: string;
  /** What to call it in messages, without secrets. */
  url: string;
  /** It can only be read, and not be listed: a web server. */
  readOnly?: true;
  /** Stores a source, which must be what was announced. @throws AppError DIGEST_MISMATCH, CONFLICT, NOT_FOUND (no such file) */
  put(key: string, source: PutSource, options: PutOptions): Promise<ObjectInfo>;
  /** @throws AppError NOT_FOUND */
  get(key: string, signal?: AbortSignal): Promise<Readable>;
  /**
   * Writes an object to a file, which gets its name only when all of it is there and proven; goes on with what an earlier attempt left.
   * @throws AppError NOT_FOUND, DIGEST_MISMATCH, DISK_FULL
   */
  download(key: string, path: string, options: TransferOptions): Promise<void>;
  head(key: string): Promise<ObjectInfo | undefined>;
  /** Whether an object is known to hold the bytes of a source without being read; false also where that cannot be told. Absent: never. */
  holds?(key: string, source: PutSource, options: TransferOptions): Promise<boolean>;
  list(prefix: string): AsyncIterable<ObjectInfo>;
  delete(key: string): Promise<void>;
  /** Where a condition is not carried out as one act, `put` still looks before it writes, but two writers at once may both succeed. */
  conditionalWrites(): Promise<ConditionalWrites>;
}

/** What a store gets from the outside world. */
export interface StoreContext {
  /** What the configuration says about this store; its own defaults where it says nothing. */
  settings?: StoreSettings | undefined;
  environment: Readonly<NodeJS.ProcessEnv>;
  /** Where it may remember what it found out about an endpoint. */
  stateDir: string;
  emit: Emit;
  /** The most bytes a second, instead of what the settings say. */
  limit?: number | undefined;
}

export interface SweepOptions {
  /** The beginning of the keys that are meant, such as `templates/`. */
  prefix: string;
  /** To which nothing was added for so long. */
  olderThanMs: number;
  /** Only say what would be removed. */
  dryRun: boolean;
  signal: AbortSignal;
}

/** An upload that was begun and never completed: what it holds is paid for, and seen by nobody. */
export interface SweptUpload {
  key: string;
  /** ISO 8601: when it was begun, and when its last part arrived. */
  begun: string;
  touched: string;
  parts: number;
  bytes: number;
}

/** A kind of store, found by its URL. */
export interface StorePlugin {
  id: string;
  accepts(url: string): boolean;
  /** Whether it can keep to a limit of bytes a second. */
  isLimited?: boolean;
  /** Nothing is read or made yet. @throws AppError USAGE, CONFIG_INVALID */
  open(url: string, context: StoreContext): Store;
  /** Tries out the way to a store, and finds the settings that work; absent where nothing can be set. @throws AppError CANCELLED, TIMEOUT */
  diagnose?(url: string, context: StoreContext, options: DiagnoseOptions): Promise<StoreDiagnosis>;
  /** Removes uploads that nobody goes on with; absent where there are none. @throws AppError STORE_DENIED when they cannot be listed */
  sweep?(url: string, context: StoreContext, options: SweepOptions): Promise<SweptUpload[]>;
}
