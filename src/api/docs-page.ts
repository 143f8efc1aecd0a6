import type { FastifyInstance } from 'fastify';
import { apiPrefix } from '../model/api/contract.ts';
import type { OpenApi } from './openapi.ts';

type Json = Record<string, unknown>;
interface Operation {
  operationId: string;
  summary: string;
  tags: string[];
  parameters?: { name: string; in: string; required: boolean; description?: string; schema: Json }[];
  requestBody?: Json;
  responses: Record<string, Json>;
  'x-role'?: string;
}

/** The API for people: one page of plain HTML without any script, so that the strictest policy is enough. */
export function addDocsPage(server: FastifyInstance, description: OpenApi): void {
  const html = docsHtml(description);
  server.get(`${apiPrefix}/docs`, async (_, reply) => reply.type('text/html; charset=utf-8').send(html));
  server.get(`${apiPrefix}/docs.css`, async (_, reply) =>
    reply.header('cache-control', 'max-age=3600').type('text/css; charset=utf-8').send(style),
  );
}

const style = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{max-width:70rem;margin:0 auto;padding:1rem}
code,pre{font:14px/1.5 ui-monospace,monospace}pre{overflow:auto;padding:.75rem;border:1px solid #8884;border-radius:.4rem}
details{border:1px solid #8884;border-radius:.4rem;margin:.4rem 0;padding:.4rem .75rem}summary{cursor:pointer}
summary code{font-weight:600}.role{float:right;opacity:.75}table{border-collapse:collapse}td,th{text-align:left;padding:.15rem .75rem .15rem 0;vertical-align:top}`;

export function escapeHtml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
  return text.replaceAll(/[&<>"']/g, (letter) => entities[letter] ?? letter);
}

export function docsHtml({ info, tags, paths, components }: OpenApi): string {
  const { title, version, description } = info as Record<string, string>;
  const schemas = (components as { schemas: Record<string, Json> }).schemas;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      path,
      method: method.toUpperCase(),
      operation: operation as Operation,
    })),
  );
  const json = (value: unknown): string => `<pre><code>${escapeHtml(JSON.stringify(value, null, 2))}</code></pre>`;
  const one = ({ path, method, operation }: (typeof operations)[number]): string => {
    const rows = (operation.parameters ?? []).map(
      ({ name, in: place, required, description: text = '', schema }) =>
        `<tr><td><code>${escapeHtml(name)}</code></td><td>${place}${required ? ', required' : ''}</td><td>${escapeHtml(text)} <code>${escapeHtml(JSON.stringify(schema))}</code></td></tr>`,
    );
    const answers = Object.entries(operation.responses).filter(([code]) => code.startsWith('2') || code.startsWith('3'));
    return `<details id="${escapeHtml(operation.operationId)}"><summary><code>${method} ${escapeHtml(path)}</code> ${escapeHtml(operation.summary)} <span class="role">${escapeHtml(operation['x-role'] ?? 'anybody')}</span></summary>
${rows.length > 0 ? `<table>${rows.join('')}</table>` : ''}${operation.requestBody ? `<p>Body</p>${json(operation.requestBody)}` : ''}${answers.map(([code, answer]) => `<p>${code}</p>${json(answer)}`).join('')}</details>`;
  };
  const section = ({ name }: { name: string }): string =>
    `<h2 id="${escapeHtml(name)}">${escapeHtml(name)}</h2>${operations
      .filter(({ operation }) => operation.tags.includes(name))
      .map(one)
      .join('\n')}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(title ?? '')} API</title><link rel="stylesheet" href="docs.css"></head>
<body><h1>${escapeHtml(title ?? '')} API ${escapeHtml(version ?? '')}</h1><p>${escapeHtml(description ?? '')}</p>
<p><a href="openapi.json">openapi.json</a> (OpenAPI 3.1). Log in with <code>POST /api/v1/session</code>, or send an API token: <code>Authorization: Bearer gbt_…</code></p>
${(tags as { name: string }[]).map(section).join('\n')}
<h2 id="schemas">Schemas</h2>
${Object.entries(schemas)
  .map(
    ([name, schema]) =>
      `<details id="schema-${escapeHtml(name)}"><summary><code>${escapeHtml(name)}</code></summary>${json(schema)}</details>`,
  )
  .join('\n')}
</body></html>
`;
}
