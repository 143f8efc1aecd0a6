import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { indexJsonSchemaText } from './catalog-json-schema.ts';

const text = indexJsonSchemaText();
const validate = new Ajv2020({ validateFormats: false, strictTypes: false }).compile(JSON.parse(text) as object);
const digest = `sha256:${'0'.repeat(64)}`;
const signed = {
  schema: 'gabarit.index/1',
  template: 'd',
  sequence: 1,
  updated: '2026-11-25T00:00:00.000Z',
  expires: '2026-12-25T00:00:00.000Z',
  images: [],
  channels: { stable: { version: '20261123.1', digest, promoted: '2026-11-25T00:00:00.000Z' } },
};

test('docs/reference/index.schema.json is fresh (vitest -u writes it)', async () => {
  await expect(text).toMatchFileSnapshot(join(import.meta.dirname, '../../docs/reference/index.schema.json'));
});

test('a JSON Schema validator accepts an index, with what a newer one may add, and refuses another schema and half an index', () => {
  expect(validate({ signed: { ...signed, novel: true }, signatures: [] })).toBe(true);
  expect(validate({ signed: { ...signed, schema: 'gabarit.index/2' }, signatures: [] })).toBe(false);
  expect(validate({ signed: { ...signed, sequence: undefined }, signatures: [] })).toBe(false);
  expect(validate(signed)).toBe(false);
});
