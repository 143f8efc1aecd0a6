import { provisionSteps } from './provision-steps.ts';
import { type JsonSchema, templateJsonSchema } from './template-json-schema.ts';

interface Row {
  key: string;
  type: string;
  default: string;
  meaning: string;
  example: string;
}

/** docs/reference/template.md: every key of a definition, and every parameter of the shipped steps. */
export function templateReference(): string {
  const schema = templateJsonSchema();
  return [
    '# Keys of a definition',
    '',
    'Generated from `src/model/template.ts`. [definitions.md](../definitions.md) explains how they work together. Only `name`, `distro` and `release` are required; with `extends`, only `name`.',
    '',
    ...table(['Key', 'Value', 'Default', 'Meaning', 'Example'], rowsOf(schema, '').map(cells)),
    '',
    '## Parameters of the shipped steps',
    '',
    'Written below `with:` of a step.',
    '',
    ...table(['Step', 'Parameter', 'Default', 'Meaning'], parameterRows()),
    '',
  ].join('\n');
}

function rowsOf(schema: JsonSchema, prefix: string): Row[] {
  const rows: Row[] = [];
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const key = `${prefix}${name}`;
    const below = [...rowsOf(property, `${key}.`), ...itemsOf(property).flatMap((item) => rowsOf(item, `${key}[].`))];
    const [example] = (property.examples as unknown[] | undefined) ?? [];
    rows.push({
      key,
      type: typeText(property),
      // The defaults of the keys below say it better.
      default: property.properties || (property.default ?? '') === '' ? '' : code(property.default),
      meaning: property.description ?? '',
      example: example === undefined ? '' : code(example),
    });
    rows.push(...below);
  }
  return rows;
}

/** The kinds of maps that may be items of a list. */
function itemsOf({ items }: JsonSchema): JsonSchema[] {
  return items ? [items, ...(items.anyOf ?? [])] : [];
}

function typeText(schema: JsonSchema): string {
  if (schema.enum) return schema.enum.map(code).join(', ');
  if (schema.type === 'array') {
    const of = schema.items?.enum ? `: ${schema.items.enum.map(code).join(', ')}` : '';
    return `list${of}`;
  }
  if (schema.type === 'object') return 'map';
  if (schema.type === 'boolean') return '`true`, `false`';
  return schema.pattern?.includes('KMGT') ? 'size' : 'text';
}

function code(value: unknown): string {
  return `\`${typeof value === 'string' ? value : JSON.stringify(value).replaceAll('"', '').replaceAll(',', ', ').replaceAll(':', ': ')}\``;
}

function cells(row: Row): string[] {
  return [`\`${row.key}\``, row.type, row.default, row.meaning, row.example];
}

function parameterRows(): string[][] {
  return Object.entries(provisionSteps).flatMap(([step, { parameters }]) =>
    Object.entries(parameters).map(([name, parameter]) => [
      `\`${step}\``,
      `\`${name}\``,
      parameter.default === undefined || parameter.default === '' ? '' : code(parameter.default),
      parameter.description,
    ]),
  );
}

function table(head: string[], rows: string[][]): string[] {
  const line = (columns: string[]): string => `| ${columns.map((column) => column.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}
