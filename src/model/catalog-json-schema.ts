import { z } from 'zod';
import { indexFileSchema } from './catalog.ts';

/** The JSON Schema of an index file, for those who read a catalog with other tools: docs/reference/index.schema.json. */
export function indexJsonSchemaText(): string {
  const { $schema, ...schema } = z.toJSONSchema(indexFileSchema, { io: 'input', target: 'draft-2020-12' });
  return `${JSON.stringify({ $schema, title: 'Gabarit catalog index', ...schema }, null, 2)}\n`;
}
