import { join } from 'node:path';
import { expect, test } from 'vitest';
import { templateJsonSchema } from './template-json-schema.ts';
import { templateReference } from './template-reference.ts';

const text = templateReference();

test('docs/reference/template.md is fresh (vitest -u writes it)', async () => {
  await expect(text).toMatchFileSnapshot(join(import.meta.dirname, '../../docs/reference/template.md'));
});

test('every key has a row and a meaning', () => {
  for (const key of Object.keys(templateJsonSchema().properties ?? {})) expect(text).toContain(`| \`${key}\` |`);
  const rows = text.split('\n').filter((line) => line.startsWith('| `'));
  expect(rows.length).toBeGreaterThan(50);
  for (const row of rows) expect(row.split(' | ').at(3)?.trim(), row).not.toBe('');
});
