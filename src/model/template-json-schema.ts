import { z } from 'zod';
import { templateSchema } from './template.ts';

/** The parts of a JSON Schema (draft 2020-12) that describe a definition. */
export interface JsonSchema {
  $schema?: string;
  type?: string;
  description?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: boolean | JsonSchema;
  propertyNames?: JsonSchema;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  pattern?: string;
  [keyword: string]: unknown;
}

/** For editors: what one file may hold. A file that extends another, or is abstract, may leave out what the other says. */
export function templateJsonSchema(): JsonSchema {
  const { $schema, ...schema } = z.toJSONSchema(templateSchema, { io: 'input', target: 'draft-2020-12' }) as JsonSchema;
  return {
    ...($schema === undefined ? {} : { $schema }),
    title: 'Gabarit template',
    ...schema,
    required: ['name'],
    anyOf: [{ required: ['distro', 'release'] }, { required: ['extends'] }, { required: ['abstract'] }],
  };
}

/** The same as text: docs/reference/template.schema.json, and what `gabarit schema` prints. */
export function templateJsonSchemaText(): string {
  return `${JSON.stringify(templateJsonSchema(), null, 2)}\n`;
}

/** The names of the keys that may stand in the map at a path; a number stands for any index of a list. */
export function keysAt(schema: JsonSchema, path: readonly (string | number)[]): string[] {
  const [head, ...rest] = path;
  const branches = (schema.anyOf ?? []).filter((branch) => branch.type !== undefined);
  const below = branches.flatMap((branch) => keysAt(branch, path));
  if (head === undefined) return [...Object.keys(schema.properties ?? {}), ...below];
  const child = typeof head === 'number' ? schema.items : schema.properties?.[head];
  return child ? [...keysAt(child, rest), ...below] : below;
}
