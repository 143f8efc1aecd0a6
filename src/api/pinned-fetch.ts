import { request } from 'node:https';
import { Readable } from 'node:stream';

/**
 * `fetch` over TLS to a server of which we hold the certificate itself: that very certificate proves it, whoever signed it and whatever
 * name is in it. Only what the client of the API needs: text bodies, no redirects.
 */
export function pinnedFetch(certificate: string): typeof globalThis.fetch {
  return (url, { method = 'GET', headers, body, signal } = {}) =>
    new Promise((resolve, reject) => {
      const asked = request(
        new URL(url instanceof Request ? url.url : url),
        {
          method,
          headers: Object.fromEntries(new Headers(headers)),
          agent: false,
          ca: certificate,
          allowPartialTrustChain: true,
          checkServerIdentity: () => undefined,
          ...(signal ? { signal } : {}),
        },
        (answer) => {
          const { statusCode: status = 0 } = answer;
          const isEmpty = status === 204 || status === 304;
          const text = isEmpty ? null : (Readable.toWeb(answer) as ReadableStream);
          if (isEmpty) answer.resume();
          resolve(new Response(text, { status, headers: answer.headers as Record<string, string> }));
        },
      );
      asked.once('error', reject);
      asked.end(typeof body === 'string' ? body : undefined);
    });
}
