import { Ajv2020 } from 'ajv/dist/2020.js';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { contract } from '../model/api/contract.ts';
import { docsHtml } from './docs-page.ts';
import { openApiOf } from './openapi.ts';

const description = openApiOf(contract, '0.0.0');

test('the description is the one in docs/reference/openapi.json (vitest -u writes it)', async () => {
  await expect(`${JSON.stringify(description, null, 2)}\n`).toMatchFileSnapshot(
    join(import.meta.dirname, '../../docs/reference/openapi.json'),
  );
});

test('every reference leads somewhere, and every schema is one', () => {
  const schemas = (description['components'] as { schemas: Record<string, object> }).schemas;
  const references = [...JSON.stringify(description).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] ?? '');
  expect(references.length).toBeGreaterThan(50);
  expect(references.filter((reference) => !Object.hasOwn(schemas, reference.replace('#/components/schemas/', '')))).toEqual([]);
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: 'all', components: { schemas } });
  for (const name of Object.keys(schemas)) expect(() => ajv.getSchema(`all#/components/schemas/${name}`), name).not.toThrow();
});

test('operations have names of their own', () => {
  const ids = Object.values(contract).map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

test('the page for people needs no script and no style of its own', () => {
  const html = docsHtml(description);
  expect(html).not.toMatch(/<script|\son[a-z]+=|style=|javascript:/i);
  for (const { id } of Object.values(contract)) expect(html).toContain(`id="${id}"`);
});
