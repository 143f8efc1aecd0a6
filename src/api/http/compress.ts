import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';

const pack = promisify(gzip);

/** Packs JSON of more than a few lines: the list of a large catalog is a tenth of it. */
export async function compress(request: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
  const accepts = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
  if (typeof payload !== 'string' || payload.length < 2048 || !accepts || reply.hasHeader('content-encoding')) return payload;
  void reply.header('content-encoding', 'gzip').header('vary', 'accept-encoding').removeHeader('content-length');
  return pack(payload, { level: 4 });
}
