import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync } from 'vite';
import { expect, test } from 'vitest';

function catalogue(language: string): Map<string, string> {
  const found = new Map<string, string>();
  const visit = (value: unknown, path: string): void => {
    if (typeof value === 'string') found.set(path, value);
    else for (const [key, inner] of Object.entries(value as object)) visit(inner, path === '' ? key : `${path}.${key}`);
  };
  visit(JSON.parse(readFileSync(join(import.meta.dirname, `locales/${language}.json`), 'utf8')), '');
  return found;
}

const en = catalogue('en');
const fr = catalogue('fr');
const holes = (text: string): string[] => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1] ?? '').toSorted();

test('both languages have the same keys, with the same values to fill in', () => {
  expect(en.size).toBeGreaterThan(400);
  expect([...fr.keys()].toSorted()).toEqual([...en.keys()].toSorted());
  expect([...en].filter(([key, text]) => holes(text).join() !== holes(fr.get(key) ?? '').join())).toEqual([]);
  expect([...en, ...fr].filter(([, text]) => text.trim() === '')).toEqual([]);
});

test('what is said in French is French', () => {
  const same = [...en].filter(([key, text]) => fr.get(key) === text && /[a-z]{3}/i.test(text.replaceAll(/\{\{\w+\}\}/g, '')));
  // Words that are the same in both.
  const shared =
    /^(Images?|Pages|Description|Identity|Provenance|Artifacts|Signatures|Machines?|Version|Plan|Packages|Verdict|Statement|Shell|Root|Sudo|Suite|Options|Snapshot|Format|Formats|Locale|Mode|Script|Info|Administration|Audit|Actions?|Documentation|Gabarit|Webhooks|OpenAPI|OpenID|UID|YAML|BIOS|UEFI|SHA-256|URL|API|Source|Type|Gabarit \{\{version\}\}|\{\{template\}\}.*)$/;
  expect(same.filter(([, text]) => !shared.test(text))).toEqual([]);
});

interface Node {
  type: string;
  start: number;
  value?: unknown;
  name?: { name?: string };
  [key: string]: unknown;
}

/** Attributes that people read. */
const read = new Set(['aria-label', 'label', 'title', 'placeholder', 'description', 'alt', 'legend', 'lead']);

/** Words that stand in a component instead of in the catalogues. */
function hardCoded(source: string, file: string): string[] {
  const found: string[] = [];
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (typeof node !== 'object' || node === null) return;
    const { type, value, name, start } = node as Node;
    const line = (): string => `${file}:${source.slice(0, start).split('\n').length}`;
    if (type === 'JSXText' && /\p{L}{2}/u.test(String(value))) found.push(`${line()}: ${String(value).trim()}`);
    const literal = type === 'JSXAttribute' && read.has(name?.name ?? '') ? (value as Node | null) : undefined;
    if (literal?.type === 'Literal' && /\p{L}{2}/u.test(String(literal.value))) found.push(`${line()}: ${String(literal.value)}`);
    for (const inner of Object.values(node)) visit(inner);
  };
  visit(parseSync(file, source).program);
  return found;
}

test('no component has words of its own', () => {
  const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.tsx') && !file.startsWith('dist'),
  );
  expect(files.length).toBeGreaterThan(40);
  const sources = files.map((file) => [file, readFileSync(join(import.meta.dirname, file), 'utf8')] as const);
  // The name of a file is the same in all languages.
  expect(sources.flatMap(([file, source]) => hardCoded(source, file)).filter((text) => !text.endsWith(': openapi.json'))).toEqual(
    [],
  );
  expect(hardCoded('const a = <p title="Hello there">Save it {1}</p>;', 'a.tsx')).toEqual([
    'a.tsx:1: Hello there',
    'a.tsx:1: Save it',
  ]);
});

test('every field of a definition has its words in both languages', () => {
  const schema = JSON.parse(readFileSync(join(import.meta.dirname, '../docs/reference/template.schema.json'), 'utf8')) as Field;
  const missing = fieldsOf(schema, '').filter((path) => !en.has(`fields.${path}.label`) || !fr.has(`fields.${path}.description`));
  expect(missing.filter((path) => path !== 'name' && path !== 'abstract')).toEqual([]);
});

interface Field {
  properties?: Record<string, Field>;
  items?: Field;
  anyOf?: Field[];
}

function fieldsOf({ properties = {}, items, anyOf = [] }: Field, path: string): string[] {
  const own = Object.entries(properties).flatMap(([key, field]) => {
    const name = path === '' ? key : `${path}.${key}`;
    return [name, ...fieldsOf(field, name)];
  });
  return [...new Set([...own, ...(items ? fieldsOf(items, path) : []), ...anyOf.flatMap((shape) => fieldsOf(shape, path))])];
}
