import { z } from 'zod';
import { apiPrefix } from '../model/api/contract.ts';
import { type Contract, problemSchema, type RouteContract } from '../model/api/contract-type.ts';

/** The contract as an OpenAPI 3.1 document, whose schemas are JSON Schema 2020-12, as zod writes them. */

type Json = Record<string, unknown>;

export interface OpenApi extends Json {
  openapi: string;
  paths: Record<string, Json>;
}

export function openApiOf(contract: Contract, version: string): OpenApi {
  const schemas: Record<string, Json> = {};
  const paths: Record<string, Json> = {};
  for (const [key, route] of Object.entries(contract)) {
    const [method = '', path = ''] = key.split(' ');
    const place = apiPrefix + path.replaceAll(/:([a-z]+)/g, '{$1}');
    paths[place] = { ...paths[place], [method.toLowerCase()]: operationOf(route, method, schemas) };
  }
  schemaOf(problemSchema, 'output', schemas);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Gabarit',
      version,
      description:
        'Makes, checks, publishes and deploys VM templates. Errors are problem+json with the codes of docs/reference/errors.md.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(Object.values(contract).map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).toSorted(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'An API token: `gbt_…`' },
        session: { type: 'apiKey', in: 'cookie', name: '__Host-gabarit', description: 'The session of a browser' },
      },
    },
  };
}

function operationOf(route: RouteContract, method: string, schemas: Record<string, Json>): Json {
  const { id, tag, title, needs, params, query, body, answer, media, status, idempotent } = route;
  const parameters = [
    ...parametersOf(params, 'path', schemas),
    ...parametersOf(query, 'query', schemas),
    ...(idempotent
      ? [{ name: 'Idempotency-Key', in: 'header', required: false, schema: { type: 'string', minLength: 1, maxLength: 128 } }]
      : []),
  ];
  const code = String(status ?? (answer || media ? 200 : 204));
  const content = answer
    ? { 'application/json': { schema: schemaOf(answer, 'output', schemas) } }
    : media
      ? { [media]: { schema: { type: 'string' } } }
      : undefined;
  const refusals = [
    ...(parameters.length > 0 || body ? ['400'] : []),
    ...(needs === 'public' ? [] : ['401', '403']),
    ...(params ? ['404'] : []),
    ...(method === 'GET' ? [] : ['409']),
    '429',
  ];
  return {
    operationId: id,
    tags: [tag],
    summary: title,
    ...(needs === 'public' ? { security: [] } : { security: [{ token: [] }, { session: [] }], 'x-role': needs }),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body
      ? { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body, 'input', schemas) } } } }
      : {}),
    responses: {
      [code]: { description: title, ...(content ? { content } : {}) },
      ...Object.fromEntries(refusals.map((refusal) => [refusal, problem('Refused')])),
      default: problem('Anything else that went wrong'),
    },
  };
}

function problem(description: string): Json {
  return { description, content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } };
}

function parametersOf(schema: z.ZodObject | undefined, place: 'path' | 'query', schemas: Record<string, Json>): Json[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = schemaOf(schema, 'input', schemas) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: property,
  }));
}

/** A schema whose named parts lie in the components. What is given and what is answered may differ: then the former is `NameInput`. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', schemas: Record<string, Json>): Json {
  const {
    $schema: _,
    $defs = {},
    ...own
  } = z.toJSONSchema(schema, { io, target: 'draft-2020-12', unrepresentable: 'any' }) as Json & {
    $defs?: Record<string, Json>;
  };
  const names = new Map<string, string>();
  const { id } = own as { id?: string };
  for (const name of [...Object.keys($defs), ...(id === undefined ? [] : [id])])
    names.set(name, io === 'output' ? name : `${name}Input`);
  const renamed = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(renamed);
    if (value === null || typeof value !== 'object') return value;
    const entries = Object.entries(value).filter(([key]) => key !== 'id' || typeof (value as Json)['id'] !== 'string');
    return Object.fromEntries(
      entries.map(([key, item]) => [
        key,
        key === '$ref' && typeof item === 'string'
          ? item === '#'
            ? `#/components/schemas/${names.get(id ?? '') ?? ''}`
            : item.replace(/^#\/\$defs\/(.+)$/, (_match, name: string) => `#/components/schemas/${names.get(name) ?? name}`)
          : renamed(item),
      ]),
    );
  };
  for (const [name, part] of Object.entries($defs)) schemas[names.get(name) ?? name] ??= renamed(part) as Json;
  if (id === undefined) return renamed(own) as Json;
  const name = names.get(id) ?? id;
  schemas[name] ??= renamed(own) as Json;
  return { $ref: `#/components/schemas/${name}` };
}
