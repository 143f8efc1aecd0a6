/** The parts of a JSON Schema that a form is made from. */
export interface FieldSchema {
  type?: string | string[];
  description?: string;
  properties?: Record<string, FieldSchema>;
  required?: string[];
  items?: FieldSchema;
  anyOf?: FieldSchema[];
  enum?: unknown[];
  default?: unknown;
  examples?: unknown[];
}

export type FieldKind = 'choice' | 'choices' | 'switch' | 'text' | 'texts' | 'group' | 'list' | 'other';

/** How a value is asked for. `other` is left to the YAML. */
export function kindOf(schema: FieldSchema): FieldKind {
  const types = [schema.type ?? []].flat();
  if (schema.enum) return 'choice';
  if (types.includes('boolean')) return 'switch';
  if (types.includes('string') || types.includes('number') || types.includes('integer')) return 'text';
  if (types.includes('object')) return schema.properties ? 'group' : 'other';
  if (!types.includes('array') || !schema.items) return 'other';
  if (schema.items.enum) return 'choices';
  const inner = kindOf(schema.items);
  if (inner === 'text') return 'texts';
  return inner === 'group' || variantsOf(schema.items).length > 0 ? 'list' : 'other';
}

/** The shapes that an entry of a list may have; each is named by the key that it must have. */
export function variantsOf(schema: FieldSchema): { name: string; schema: FieldSchema }[] {
  const shapes = (schema.anyOf ?? []).filter((shape) => shape.properties);
  return shapes.map((shape) => ({ name: shape.required?.[0] ?? Object.keys(shape.properties ?? {})[0] ?? '', schema: shape }));
}

/** A plain value as it is written; what is no plain value is shown as JSON. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return JSON.stringify(value) ?? '';
}
