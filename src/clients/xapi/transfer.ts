import type { IncomingMessage } from 'node:http';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError, toAppError } from '../../util/errors.ts';
import { createRateLimit } from '../../util/rate-limit.ts';
import { connectionError, silence } from './connection.ts';
import { exchange, type Response } from './exchange.ts';
import type { TaskOptions } from './tasks.ts';
import { type Attempt, either, type Transfer, withTask } from './with-task.ts';
import type { XmlValue } from './xml-value.ts';

/** Bytes to send; may be opened again, when a host sends us to another one or has forgotten the session. */
export interface UploadSource {
  /** Exact. */
  length: number;
  open(): Readable;
}

export interface UploadOptions extends TaskOptions {
  bytesPerSecond?: number;
  onBytes?(sent: number): void;
}

/**
 * Sends bytes to the host. Not the HTTP status decides, which is sent before they are read, but the task.
 * @throws AppError the task's error; TARGET_UNREACHABLE when the connection broke; TARGET_DENIED; TIMEOUT; CANCELLED
 */
export function upload(transfer: Transfer, source: UploadSource, options: UploadOptions): Promise<XmlValue | undefined> {
  return withTask(transfer, options, (attempt) =>
    exchange(transfer, attempt, 'PUT', source.length, (response) => sendBody(response, source, options, attempt)),
  );
}

/**
 * Writes what the host sends into a stream. A task that has succeeded is the proof that it is all.
 * @throws AppError as {@link upload}; what the stream itself fails with
 */
export async function download(transfer: Transfer, sink: Writable, options: TaskOptions): Promise<{ bytes: number }> {
  let bytes = 0;
  const receive = async ({ host, incoming }: Response, { signal, watch }: Attempt): Promise<undefined> => {
    if (incoming === undefined) throw silence(host, transfer.timeoutMs);
    const count = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      try {
        for await (const chunk of chunks) {
          bytes += chunk.length;
          watch.touch();
          yield chunk;
        }
      } catch (error) {
        throw signal.aborted ? error : connectionError(error, host);
      }
    };
    await pipeline(incoming, count, sink, { signal });
  };
  await withTask(transfer, options, (attempt) => exchange(transfer, attempt, 'GET', 0, (response) => receive(response, attempt)));
  return { bytes };
}

/** Sends the body. Returns the answer when it came late and was not 200. */
async function sendBody(
  { host, outgoing, incoming, answered }: Response,
  source: UploadSource,
  options: UploadOptions,
  { signal, watch }: Attempt,
): Promise<IncomingMessage | undefined> {
  const limit = options.bytesPerSecond === undefined ? undefined : createRateLimit(options.bytesPerSecond);
  let sent = 0;
  const measure = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of readingOf(chunks, signal)) {
      await limit?.take(chunk.length, signal);
      sent += chunk.length;
      if (sent > source.length) break;
      watch.touch();
      options.onBytes?.(sent);
      yield chunk;
    }
    if (sent !== source.length) {
      throw new AppError('IMAGE_INVALID', `What was to be sent has not the ${source.length} bytes that were announced`, {
        hint: 'The file was changed while it was read: try again.',
      });
    }
  };
  // An answer that nobody reads would keep the connection from ending.
  incoming?.resume();
  const late = new AbortController();
  let refused: IncomingMessage | undefined;
  if (incoming === undefined) {
    const look = async (): Promise<void> => {
      const answer = await answered;
      if (answer.statusCode === 200) answer.resume();
      else {
        refused = answer;
        late.abort();
      }
    };
    look().catch(() => undefined);
  }
  try {
    await pipeline(measure(source.open()), outgoing, { signal: either(signal, late.signal) });
  } catch (error) {
    if (refused !== undefined) return refused;
    if (signal.aborted || error instanceof AppError) throw error;
    const broken = connectionError(error, host);
    throw new AppError(broken.code, `${broken.message} (after ${sent} of ${source.length} bytes)`, {
      cause: error,
      details: broken.details,
    });
  }
  return incoming === undefined && (await answered).statusCode !== 200 ? answered : undefined;
}

/** The same bytes; what the source fails with is told apart from what the connection fails with. */
async function* readingOf(chunks: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } catch (error) {
    throw signal.aborted ? error : toAppError(error, 'IMAGE_INVALID', 'What was to be sent could not be read');
  }
}
