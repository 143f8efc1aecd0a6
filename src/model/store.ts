import type { Readable } from 'node:stream';

export interface ObjectInfo {
  key: string;
  size: number;
  /** An opaque tag that changes with the content, for `ifMatch`. */
  etag: string;
}

export interface PutOptions {
  /** `sha256:…` of the body; the store refuses a body that does not match. */
  digest: string;
  size: number;
  /** Only when nothing is there yet. @throws AppError CONFLICT */
  ifAbsent?: boolean;
  /** Only when the object still has this tag. @throws AppError CONFLICT */
  ifMatch?: string;
  signal?: AbortSignal | undefined;
  onProgress?: (bytes: number) => void;
}

/** Where bytes lie. Keys are `[A-Za-z0-9._/-]+` without segments that are empty or begin with a dot. An object is there whole or not at all. */
export interface Store {
  id: string;
  /** What to call it in messages, without secrets. */
  url: string;
  put(key: string, body: Readable, options: PutOptions): Promise<ObjectInfo>;
  /** @throws AppError NOT_FOUND */
  get(key: string, signal?: AbortSignal): Promise<Readable>;
  head(key: string): Promise<ObjectInfo | undefined>;
  list(prefix: string): AsyncIterable<ObjectInfo>;
  delete(key: string): Promise<void>;
}

/** A kind of store, found by its URL. */
export interface StorePlugin {
  id: string;
  accepts(url: string): boolean;
  /** Nothing is read or made yet. @throws AppError USAGE */
  open(url: string): Store;
}
