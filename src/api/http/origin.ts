import { hostname, networkInterfaces } from 'node:os';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../../util/errors.ts';

/** Where this server is, as browsers see it: what keeps other sites from acting for somebody who is logged in. */
export interface Origins {
  /** @throws AppError USAGE for a Host that is not ours: another name that was made to point here (DNS rebinding) */
  checkHost(request: FastifyRequest): void;
  /** @throws AppError FORBIDDEN for a request that another site made */
  checkSite(request: FastifyRequest, options: { mustHaveOrigin: boolean }): void;
  isSecure: boolean;
}

export interface OriginOptions {
  /** Further names by which it is reached. */
  hosts: readonly string[];
  /** `https://gabarit.example`, when a proxy stands before it. */
  publicUrl?: string | undefined;
  tls: boolean;
}

export function openOrigins({ hosts, publicUrl, tls }: OriginOptions): Origins {
  const url = publicUrl === undefined ? undefined : new URL(publicUrl);
  const own = [
    'localhost',
    '127.0.0.1',
    '::1',
    hostname().toLowerCase(),
    ...Object.values(networkInterfaces())
      .flatMap((entries) => entries ?? [])
      .map(({ address }) => address),
  ];
  const known = new Set([...own, ...hosts.map((host) => host.toLowerCase()), ...(url ? [bare(url.hostname)] : [])]);
  const isSecure = url ? url.protocol === 'https:' : tls;

  function originsOf(request: FastifyRequest): string[] {
    const direct = `${tls ? 'https' : 'http'}://${request.headers.host ?? ''}`.toLowerCase();
    return url ? [url.origin, direct] : [direct];
  }

  return {
    isSecure,
    checkHost(request) {
      const host = request.headers.host ?? '';
      const name = bare(URL.parse(`http://${host}`)?.hostname ?? '');
      if (known.has(name)) return;
      throw new AppError('USAGE', `This server is not ${JSON.stringify(host.slice(0, 100))}`, {
        hint: 'If it is, say so: server.hosts in gabarit.yaml.',
        details: { status: 421 },
      });
    },
    checkSite(request, { mustHaveOrigin }) {
      const { origin } = request.headers;
      const site = request.headers['sec-fetch-site'];
      const isForeign =
        (origin !== undefined && !originsOf(request).includes(origin.toLowerCase())) ||
        (site !== undefined && site !== 'same-origin') ||
        (origin === undefined && site === undefined && mustHaveOrigin);
      if (isForeign)
        throw new AppError('FORBIDDEN', 'Another site made this request', {
          hint: 'Programs use an API token, not the cookie of a browser.',
        });
    },
  };
}

function bare(host: string): string {
  return host
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
}
