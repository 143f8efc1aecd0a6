import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  Parser,
} from 'yaml';
import type { Fault } from '../util/errors.ts';
import { faultAt } from './load-faults.ts';
import type { Entry, Place, Scalar, Tree } from './load-tree.ts';

/** A definition is far smaller; a larger file is a mistake or an attack. */
export const maxBytes = 256 * 1024;
const maxDepth = 50;
const refusedKeys = new Set(['__proto__', 'constructor', 'prototype']);

export interface ParsedYaml {
  tree: Tree | undefined;
  faults: Fault[];
}

/**
 * Reads the safe part of YAML 1.2: one document of maps, lists and scalars of the core schema. Everything that could make a
 * small file large or mean something else than it says (aliases, tags, merge keys, directives, duplicate keys) is a fault.
 */
export function parseYaml(bytes: Uint8Array, file: string): ParsedYaml {
  const refuse = (message: string, hint?: string): ParsedYaml => ({
    tree: undefined,
    faults: [faultAt({ file, line: 1, column: 1 }, message, hint)],
  });
  if (bytes.length > maxBytes) return refuse(`is larger than ${maxBytes / 1024} KiB`);
  const text = decodeUtf8(bytes);
  if (text === undefined) return refuse('is not UTF-8 text', 'Save the file as UTF-8.');

  const lines = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const tokens: CST.Token[] = [];
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token);
    // One entry for each open collection, and at most one for the document and one for a scalar.
    if (parser.stack.length > maxDepth + 2) {
      return { tree: undefined, faults: [faultAt(placeAt(parser.offset), `is nested deeper than ${maxDepth} levels`)] };
    }
  }
  for (const token of parser.end()) tokens.push(token);

  const composer = new Composer({ version: '1.2', schema: 'core', merge: false, uniqueKeys: false, resolveKnownTags: false });
  const documents = [...composer.compose(tokens, false, text.length)];
  const faults = tokens
    .filter((token) => token.type === 'directive')
    .map((token) => faultAt(placeAt(token.offset), 'directives ("%…") are not allowed'));
  for (const document of documents) {
    for (const error of document.errors)
      faults.push(faultAt(placeAt(error.pos[0]), `is not valid YAML: ${plainSentence(error.message)}`));
  }
  const control = text.search(/[^\P{Cc}\t\n\r]/u);
  if (control >= 0) faults.push(faultAt(placeAt(control), 'control characters are not allowed'));
  const [document, second] = documents;
  if (second) faults.push(faultAt(placeAt(second.range[0]), 'only one YAML document ("---") a file is allowed'));
  if (faults.length > 0 || !document?.contents) {
    return faults.length > 0
      ? { tree: undefined, faults }
      : refuse('is empty', 'gabarit new NAME --from debian-12 writes a first definition.');
  }
  return treeOf(document, placeAt);
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

function plainSentence(message: string): string {
  return message.replace(/\s+/g, ' ').trim();
}

function treeOf(document: Document.Parsed, placeAt: (offset: number) => Place): ParsedYaml {
  const faults: Fault[] = [];
  const placeOfNode = (node: Node): Place => placeAt(node.range?.[0] ?? 0);

  function convert(node: unknown, fallback: Place): Tree {
    const empty: Tree = { kind: 'scalar', place: fallback, value: null };
    if (isAlias(node)) {
      const hint = 'Repeat the text, or put what is common into a template of its own and extend it.';
      faults.push(faultAt(placeOfNode(node), `aliases ("*${node.source}") are not allowed`, hint));
      return empty;
    }
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return empty;
    const place = isScalar(node) && node.source === '' ? fallback : placeOfNode(node);
    if (node.tag !== undefined && node.tag !== '') {
      const tag = node.tag.replace('tag:yaml.org,2002:', '!!');
      faults.push(faultAt(place, `tags ("${tag}") are not allowed`, 'Write the value alone.'));
    }
    if (isSeq(node)) return { kind: 'list', place, items: node.items.map((item) => convert(item, place)) };
    if (isScalar(node)) {
      const value = node.value as Scalar;
      return { kind: 'scalar', place, value, ...(typeof node.source === 'string' ? { source: node.source } : {}) };
    }
    const entries = new Map<string, Entry>();
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? pair.key : undefined;
      const keyPlace = isNode(pair.key) ? placeOfNode(pair.key) : place;
      const value = convert(pair.value, keyPlace);
      if (typeof key?.value !== 'string') {
        faults.push(faultAt(keyPlace, 'a key must be text', 'Put it in quotes.'));
      } else if (key.value === '<<') {
        faults.push(faultAt(keyPlace, 'merge keys ("<<") are not allowed', 'Use extends: to build on another template.'));
      } else if (refusedKeys.has(key.value)) {
        faults.push(faultAt(keyPlace, `the key "${key.value}" is not allowed`));
      } else if (entries.has(key.value)) {
        faults.push(faultAt(keyPlace, `the key "${key.value}" is here twice; first on line ${entries.get(key.value)?.key.line}`));
      } else {
        entries.set(key.value, { key: keyPlace, value });
      }
    }
    return { kind: 'map', place, entries };
  }

  const tree = convert(document.contents, placeAt(0));
  if (tree.kind !== 'map') faults.push(faultAt(tree.place, 'must be a map of keys and values, such as "name: debian-12"'));
  return { tree: faults.length > 0 ? undefined : tree, faults };
}
