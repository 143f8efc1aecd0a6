import { open, rm, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { ObjectInfo, Store, StoreContext, StorePlugin, TransferOptions } from '../model/store.ts';
import { digestOfFile } from '../util/digest.ts';
import { AppError, isCancellation, toAppError } from '../util/errors.ts';
import { finishFile } from '../util/files.ts';
import { retry } from '../util/retry.ts';
import { type Answer, openWebServer } from './http/web-server.ts';
import { notFound } from './shared/faults.ts';
import { checkKey } from './shared/keys.ts';

/** A catalog on a web server, to be read only: `https://host/path`. Nobody can list it; the publishers wrote down what a reader needs to know. */
export const http: StorePlugin = {
  id: 'http',
  accepts: (url) => /^https?:/.test(url),
  open: openHttpStore,
};

/** Nothing is asked yet. @throws AppError USAGE, CONFIG_INVALID */
export function openHttpStore(url: string, context: Pick<StoreContext, 'settings'>): Store {
  const server = openWebServer(url, context.settings?.ca);
  const name = server.url;

  async function ask(method: 'GET' | 'HEAD', key: string, from: number, signal: AbortSignal | undefined): Promise<Answer> {
    checkKey(key);
    try {
      const answer = await server.request(method, key, from, signal);
      // Storage services that must not be listed say "forbidden" for what is not there.
      if (answer.status === 404 || answer.status === 410) throw notFound(name, key);
      if (answer.status === 200 || (answer.status === 206 && from > 0)) return answer;
      answer.body.destroy();
      throw new AppError('STORE_FAILED', `${name} answered ${answer.status} to ${method} ${key}`, {
        hint: hintFor(answer.status),
      });
    } catch (error) {
      throw toAppError(error, 'STORE_FAILED', `Cannot read ${key} of ${name}`);
    }
  }

  async function head(key: string): Promise<ObjectInfo | undefined> {
    try {
      const { headers, body } = await retry(() => ask('HEAD', key, 0, undefined), { attempts: 3, delayMs: 200 });
      body.destroy();
      const modified = new Date(headers['last-modified'] ?? '');
      return {
        key,
        size: Number(headers['content-length'] ?? 0),
        etag: headers.etag ?? '',
        ...(Number.isNaN(modified.getTime()) ? {} : { modified }),
      };
    } catch (error) {
      if (error instanceof AppError && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
  }

  const get = async (key: string, signal?: AbortSignal): Promise<Readable> =>
    (await retry(() => ask('GET', key, 0, signal), { attempts: 3, delayMs: 200, signal })).body;

  async function download(key: string, path: string, options: TransferOptions): Promise<void> {
    // Named by what it shall be, so that a later process goes on with it.
    const part = `${path}.${options.digest.slice('sha256:'.length, 'sha256:'.length + 16)}.part`;
    const retryable = (error: unknown): boolean => error instanceof AppError && ['STORE_FAILED', 'TIMEOUT'].includes(error.code);
    await retry(() => fetchRest(key, part, options), { attempts: 6, delayMs: 300, signal: options.signal, retryable });
    const found = await digestOfFile(part, options.signal);
    if (found !== options.digest) {
      await rm(part, { force: true });
      throw new AppError(
        'DIGEST_MISMATCH',
        `${key} from ${name} has the digest ${found} instead of ${options.digest}: it was thrown away`,
      );
    }
    await finishFile(part, path);
  }

  /** Appends what is missing of a file. */
  async function fetchRest(key: string, part: string, options: TransferOptions): Promise<void> {
    const file = await open(part, 'a', 0o644);
    try {
      let size = (await stat(part)).size;
      if (size > options.size) await file.truncate((size = 0));
      if (size === options.size) return;
      const answer = await ask('GET', key, size, options.signal);
      if (answer.status === 200 && size > 0) await file.truncate((size = 0));
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > options.size)
          throw new AppError('DIGEST_MISMATCH', `${key} from ${name} is longer than ${options.size} bytes`);
        await file.write(chunk);
        options.onProgress?.(size);
      }
      if (size < options.size)
        throw new AppError('STORE_FAILED', `${name} broke off after ${size} of ${options.size} bytes of ${key}`);
    } catch (error) {
      if (isCancellation(error)) throw new AppError('CANCELLED', `Cancelled: fetching ${key}`, { cause: error });
      throw toAppError(error, 'STORE_FAILED', `Cannot fetch ${key} from ${name}`);
    } finally {
      await file.close();
    }
  }

  const refuse = (): Promise<never> =>
    Promise.reject(
      new AppError('USAGE', `${name} can only be read`, {
        hint: 'Give the store itself (s3://… or file:…) to change the catalog.',
      }),
    );
  return {
    id: 'http',
    url: name,
    readOnly: true,
    put: refuse,
    get,
    download,
    head,
    // eslint-disable-next-line require-yield
    async *list() {
      await refuse();
    },
    delete: refuse,
    conditionalWrites: async () => ({ ifAbsent: false, ifMatch: false }),
  };
}

function hintFor(status: number): string {
  if (status >= 300 && status < 400) return 'Give the address that it leads to.';
  if (status === 401 || status === 403)
    return 'The catalog must be readable for everybody, or be given as s3://… with credentials.';
  return status >= 500 ? 'The server is in trouble; try again later.' : 'Is this the root of a catalog?';
}
