import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';
import { keysAt, templateJsonSchema, templateJsonSchemaText } from './template-json-schema.ts';

const root = join(import.meta.dirname, '../..');
const text = templateJsonSchemaText();
const ajv = new Ajv2020({
  strict: true,
  strictTypes: false,
  allowUnionTypes: true,
  strictRequired: false,
  validateFormats: false,
});
const validate = ajv.compile(JSON.parse(text) as object);

test('docs/reference/template.schema.json is fresh (vitest -u writes it)', async () => {
  await expect(text).toMatchFileSnapshot(join(root, 'docs/reference/template.schema.json'));
});

describe('a JSON Schema validator', () => {
  const shipped = readdirSync(join(root, 'templates')).filter((name) => name.endsWith('.yaml'));
  test('has shipped templates to judge', () => expect(shipped.length).toBeGreaterThanOrEqual(5));

  test.each(shipped)('accepts %s', (name) => {
    validate(parse(readFileSync(join(root, 'templates', name), 'utf8')));
    expect(validate.errors).toBeNull();
  });

  const whole = { name: 'a', distro: 'debian', release: 12 };
  test('accepts a definition that stands alone', () => expect(validate(whole)).toBe(true));

  test.each([
    ['nothing but a name', { name: 'a' }],
    ['an unknown key', { ...whole, platfroms: [] }],
    ['an unknown platform', { ...whole, platforms: ['zen'] }],
    ['a decimal size', { ...whole, disk: { size: '3GB' } }],
    ['a path that leaves the folder', { ...whole, provisioning: [{ script: 'a/../../b' }] }],
    ['a file without a destination', { ...whole, provisioning: [{ file: 'a' }] }],
    ['a waiver without a reason', { ...whole, hardening: { waivers: [{ control: 'x', owner: 'y', expires: '2027-01-01' }] } }],
    ['no formats', { ...whole, formats: [] }],
  ])('refuses %s', (_, definition) => {
    expect(validate(definition)).toBe(false);
  });
});

test('keysAt finds the keys of maps, and of maps in lists', () => {
  const schema = templateJsonSchema();
  expect(keysAt(schema, ['disk'])).toEqual(['size', 'layout', 'filesystem', 'firmware']);
  expect(keysAt(schema, ['provisioning', 3])).toContain('script');
  expect(keysAt(schema, ['disk', 'size'])).toEqual([]);
});
