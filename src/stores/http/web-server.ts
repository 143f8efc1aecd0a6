import { readFileSync } from 'node:fs';
import * as plain from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import * as secure from 'node:https';
import type { Readable } from 'node:stream';
import { AppError } from '../../util/errors.ts';

const idleMs = 30_000;

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Readable;
}

export interface WebServer {
  /** Without a slash at its end. */
  url: string;
  /** Asks for an object, from a byte on; whatever the status is. */
  request(method: 'GET' | 'HEAD', key: string, from: number, signal: AbortSignal | undefined): Promise<Answer>;
}

/** @throws AppError USAGE; CONFIG_INVALID when the authorities cannot be read */
export function openWebServer(url: string, caFile: string | undefined): WebServer {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  if (!base || base.username !== '' || base.password !== '' || base.search !== '' || base.hash !== '') {
    throw new AppError('USAGE', `"${url.replace(/\/\/[^/]*@/, '//…@')}" is not the address of a catalog`, {
      hint: 'Write for example https://images.example/templates, without a user, a query or a fragment.',
    });
  }
  const root = base.href.replace(/\/+$/, '');
  const isSecure = base.protocol === 'https:';
  const ca = caFile === undefined ? {} : { ca: readAuthorities(caFile) };
  const agent = isSecure ? new secure.Agent({ keepAlive: true, ...ca }) : new plain.Agent({ keepAlive: true });

  function request(method: 'GET' | 'HEAD', key: string, from: number, signal: AbortSignal | undefined): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = {
        method,
        agent,
        ...(signal ? { signal } : {}),
        ...(from > 0 ? { headers: { range: `bytes=${from}-` } } : {}),
      };
      const target = `${root}/${key}`;
      const call = isSecure ? secure.request(target, options) : plain.request(target, options);
      call.setTimeout(idleMs, () => call.destroy(new AppError('TIMEOUT', `${root} says nothing for ${idleMs / 1000} s`)));
      call.once('error', reject);
      call.once('response', (body) => resolve({ status: body.statusCode ?? 0, headers: body.headers, body }));
      call.end();
    });
  }

  return { url: root, request };
}

function readAuthorities(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `The authorities in ${file} cannot be read`, { cause });
  }
}
