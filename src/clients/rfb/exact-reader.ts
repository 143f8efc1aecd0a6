import type { Readable } from 'node:stream';
import { AppError } from '../../util/errors.ts';

/** Reads a stream in pieces of exactly the wanted size. One read at a time. */
export interface ExactReader {
  /** @throws AppError TARGET_UNREACHABLE when the stream ends or breaks before */
  read(length: number): Promise<Buffer>;
}

export function readExactly(stream: Readable): ExactReader {
  const chunks: AsyncIterator<Buffer> = stream.iterator({ destroyOnReturn: false });
  let rest: Buffer = Buffer.alloc(0);
  return {
    async read(length) {
      const pieces = [rest];
      let have = rest.length;
      while (have < length) {
        const chunk = await nextChunk(chunks);
        pieces.push(chunk);
        have += chunk.length;
      }
      const all = pieces.length === 1 ? rest : Buffer.concat(pieces);
      rest = all.subarray(length);
      return all.subarray(0, length);
    },
  };
}

async function nextChunk(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  try {
    const { value, done } = await chunks.next();
    if (!done) return value;
  } catch (cause) {
    throw new AppError('TARGET_UNREACHABLE', 'The connection to the console broke', { cause });
  }
  throw new AppError('TARGET_UNREACHABLE', 'The console closed the connection');
}
