import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, stringify } from 'yaml';
import type { Fault } from '../../api/fault.ts';

export type Path = (string | number)[];

/** A definition as text, read so that a form can show and change single values and leave the rest, comments included, as it is. */
export interface Definition {
  text: string;
  document: Document;
  /** Why the form cannot show it: it is no YAML, or no map. */
  isBroken: boolean;
  lines: LineCounter;
}

export function readDefinition(text: string): Definition {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const isBroken = document.errors.length > 0 || !(document.contents === null || isMap(document.contents));
  return { text, document, isBroken, lines };
}

export function valueAt({ document, isBroken }: Definition, path: Path): unknown {
  if (isBroken) return undefined;
  const node = document.getIn(path, true);
  if (isScalar(node)) return node.value;
  return isNode(node) ? (node.toJS(document) as unknown) : node;
}

/** The text with a value changed; `undefined` takes the key out, and what is empty without it. */
export function withValue({ text }: Definition, path: Path, value: unknown): string {
  const document = parseDocument(text);
  const known = document.getIn(path, true);
  const written = stringify(value ?? null, { lineWidth: 0 }).trimEnd();
  // One value for another, on one line: not even the blanks around it change.
  if (value !== undefined && isScalar(known) && known.range && typeof value !== 'object' && !written.includes('\n'))
    return text.slice(0, known.range[0]) + written + text.slice(known.range[1]);
  if (value !== undefined) {
    document.setIn(path, document.createNode(value));
    return document.toString({ lineWidth: 0 });
  }
  document.deleteIn(path);
  for (let length = path.length - 1; length > 0; length -= 1) {
    const parent = document.getIn(path.slice(0, length), true);
    if (!isMap(parent) || parent.items.length > 0) break;
    document.deleteIn(path.slice(0, length));
  }
  return document.toString({ lineWidth: 0 });
}

/** The faults that lie inside the value at a path, by their lines. */
export function faultsAt(definition: Definition, faults: readonly Fault[], path: Path): Fault[] {
  const { document, lines, isBroken } = definition;
  if (isBroken || faults.length === 0) return [];
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const key = path.at(-1);
  const pair = isMap(parent) ? parent.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
  const start = isNode(pair?.key) ? pair.key.range?.[0] : undefined;
  const end = isNode(pair?.value) ? pair.value.range?.[1] : start;
  if (start === undefined) return [];
  const first = lines.linePos(start).line;
  const last = lines.linePos(Math.max(start, (end ?? start) - 1)).line;
  return faults.filter(({ line }) => line !== undefined && line >= first && line <= last);
}
