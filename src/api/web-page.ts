import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { policy } from './http/headers.ts';
import { AppError, errnoOf } from '../util/errors.ts';

const missing = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Gabarit</title>
<h1>Gabarit</h1>
<p>The server runs. The web page was not built: <code>npm run build:web</code>.</p>
<p><a href="/api/v1/docs">The API</a></p>
`;

/** Serves the web page: its files as they are, and `index.html` for every other path, which the page itself understands. */
export async function addWebPage(server: FastifyInstance, dist: string): Promise<void> {
  const index = await readFile(join(dist, 'index.html'), 'utf8').catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
    return undefined;
  });
  if (index !== undefined) {
    await server.register(fastifyStatic, {
      root: dist,
      wildcard: false,
      index: false,
      dotfiles: 'deny',
      preCompressed: true,
      cacheControl: false,
      globIgnore: ['index.html'],
      setHeaders: (response, path) => {
        const isHashed = path.includes('/assets/');
        void response.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    });
  }
  server.get('/*', async (request, reply) => {
    const path = request.url.split('?')[0] ?? '/';
    // A path deeper in may end like a file, and be none: /images/debian-12/20261123.1.
    if (/^\/(api|assets)\//.test(path) || /^\/[^/]+\.[a-z0-9]+$/i.test(path))
      throw new AppError('NOT_FOUND', `There is nothing at ${path.slice(0, 200)}`);
    return sendPage(reply, index ?? missing);
  });
}

/** Styles that the page makes itself carry a nonce that is new each time. */
function sendPage(reply: FastifyReply, html: string): FastifyReply {
  const nonce = randomBytes(18).toString('base64');
  return reply
    .header('content-security-policy', policy(nonce))
    .type('text/html; charset=utf-8')
    .send(html.replaceAll('__CSP_NONCE__', nonce));
}
