import type { Readable } from 'node:stream';
import { AppError } from '../../util/errors.ts';

/** The beginning of an HTTP answer, read from a stream that carries something else after it. */
export interface HttpHead {
  status: number;
  reason: string;
}

const maxHeadBytes = 64 * 1024;
const end = Buffer.from('\r\n\r\n');

/**
 * Reads an answer up to its blank line, however it is cut into pieces, and puts what comes behind back into the stream:
 * there the other protocol begins.
 * @throws AppError TARGET_UNREACHABLE when the stream ends before, TARGET_FAILED when it is no HTTP; or the reason of `signal`
 */
export async function readHead(stream: Readable, from: string, signal: AbortSignal): Promise<HttpHead> {
  let head = Buffer.alloc(0);
  for (;;) {
    const chunk = stream.read() as Buffer | null;
    if (chunk === null) {
      await readableOf(stream, from, signal);
      continue;
    }
    // The blank line may begin in what was there before.
    const searchFrom = Math.max(0, head.length - end.length + 1);
    head = Buffer.concat([head, chunk]);
    const at = head.indexOf(end, searchFrom);
    if (at !== -1) {
      const rest = head.subarray(at + end.length);
      if (rest.length > 0) stream.unshift(rest);
      return parseHead(head.subarray(0, at).toString('latin1'), from);
    }
    if (head.length > maxHeadBytes) throw notHttp(from, head.toString('latin1'));
    if (head.length >= 5 && !head.subarray(0, 5).equals(Buffer.from('HTTP/'))) throw notHttp(from, head.toString('latin1'));
  }
}

function parseHead(text: string, from: string): HttpHead {
  const match = /^HTTP\/1\.[01] (\d{3})(?: ([^\r\n]*))?/.exec(text);
  if (!match) throw notHttp(from, text);
  return { status: Number(match[1]), reason: match[2] ?? '' };
}

function notHttp(from: string, text: string): AppError {
  return new AppError('TARGET_FAILED', `${from} did not answer in HTTP: ${JSON.stringify(text.slice(0, 60))}`);
}

/** Waits until something can be read. */
function readableOf(stream: Readable, from: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      stream.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', onError);
      signal.removeEventListener('abort', onAbort);
    };
    const onReadable = (): void => {
      settle();
      resolve();
    };
    const onEnd = (): void => {
      settle();
      reject(new AppError('TARGET_UNREACHABLE', `${from} closed the connection before its answer was complete`));
    };
    const onError = (cause: Error): void => {
      settle();
      reject(new AppError('TARGET_UNREACHABLE', `The connection to ${from} broke: ${cause.message}`, { cause }));
    };
    const onAbort = (): void => {
      settle();
      reject(signal.reason as Error);
    };
    if (signal.aborted) onAbort();
    else if (stream.destroyed || stream.readableEnded) onEnd();
    else {
      stream.on('readable', onReadable).on('end', onEnd).on('close', onEnd).on('error', onError);
      signal.addEventListener('abort', onAbort, { once: true });
    }
  });
}
