import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import type { RecordedRequest } from '../s3.ts';
import { type Fault, faultOf } from './faults.ts';
import type { Answer } from './objects.ts';
import { flipBit } from './storage.ts';

/** A request and its answer on the wire. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  entry: RecordedRequest;
  /** The client asks whether to send its body. */
  asks: boolean;
}

/** Breaks a connection the hard way: the other side sees a reset. */
export function tear(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

/** The whole body; the connection is torn after `cutAt` bytes of it. */
export async function readBody(
  { request, entry }: Exchange,
  cutAt: number | undefined,
  bytesPerSecond?: number,
): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  if (cutAt === 0) tear(request.socket);
  for await (const piece of request) {
    const chunk = piece as Buffer;
    chunks.push(chunk);
    entry.received += chunk.length;
    if (cutAt !== undefined && entry.received >= cutAt) tear(request.socket);
    if (bytesPerSecond !== undefined) await sleep((chunk.length / bytesPerSecond) * 1000);
  }
  return chunks;
}

export async function send({ request, response, entry }: Exchange, answer: Answer, struck: readonly Fault[]): Promise<void> {
  const { body } = answer;
  const isText = typeof body === 'string' || body === undefined;
  const text = Buffer.from(isText ? (body ?? '') : '');
  const size = isText ? text.length : body.size;
  const isHead = request.method === 'HEAD';
  const headers = { ...answer.headers, ...(answer.status === 204 || (isHead && isText) ? {} : { 'content-length': size }) };
  response.writeHead(answer.status, headers);
  if (!isHead) {
    const cutAt = faultOf(struck, 'cut-answer')?.bytes ?? Number.POSITIVE_INFINITY;
    const slow = faultOf(struck, 'slow')?.bytesPerSecond;
    let flipAt = faultOf(struck, 'flip-answer') ? Math.floor(size / 2) : -1;
    for await (let piece of isText ? [text] : body.pieces) {
      if (flipAt >= 0 && flipAt < piece.length) piece = flipBit([piece], flipAt);
      flipAt -= piece.length;
      const rest = cutAt - entry.sent;
      if (rest < piece.length) piece = piece.subarray(0, rest);
      entry.sent += piece.length;
      if (slow !== undefined) await sleep((piece.length / slow) * 1000);
      if (!response.write(piece) && !response.destroyed) await room(response);
      if (entry.sent >= cutAt) {
        // Later, so that what was sent is read before the fault is seen.
        await sleep(50);
        request.socket.destroy();
        return;
      }
      if (response.destroyed) return;
    }
  }
  entry.status = answer.status;
  response.end();
}

/** Waits until more can be written, or nothing more. */
async function room(response: ServerResponse): Promise<void> {
  await new Promise<void>((resolve) => {
    const go = (): void => {
      response.off('drain', go).off('close', go);
      resolve();
    };
    response.on('drain', go).on('close', go);
  });
}
