import { XMLParser } from 'fast-xml-parser';

/**
 * Values of XML-RPC, as XAPI writes them: in calls to old hosts, in the results of tasks, in `ova.xml`.
 * Integers are strings (`<value>42</value>` too), dates are strings, maps are objects, sets are arrays.
 */
export type XmlValue = string | number | boolean | XmlValue[] | { [name: string]: XmlValue };

type Node = Record<string, unknown>;

// No entities and no document types: what they could do (read files, grow without end) is switched off, and refused below.
const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: false,
  processEntities: false,
  ignoreDeclaration: true,
  isArray: (name, path) => name === 'member' || name === 'param' || String(path).endsWith('.data.value'),
});

const named: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function decodeText(text: string): string {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|(lt|gt|amp|quot|apos));/gi, (whole, hex, decimal, name) => {
    if (name !== undefined) return named[String(name).toLowerCase()] ?? whole;
    const point = hex === undefined ? Number(decimal) : Number.parseInt(String(hex), 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
  });
}

function encodeText(text: string): string {
  return text.replace(/[<>&]/g, (character) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;' })[character] ?? character);
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Parses a document into the parser's own tree. @throws SyntaxError */
export function parseXml(text: string): Record<string, unknown> {
  if (/<!(DOCTYPE|ENTITY)/i.test(text)) throw new SyntaxError('a document type is not allowed here');
  const tree: unknown = parser.parse(text);
  if (!isNode(tree)) throw new SyntaxError('no element');
  return tree;
}

function childrenOf(node: unknown, name: string): unknown[] {
  const children = isNode(node) ? node[name] : undefined;
  return children === undefined ? [] : Array.isArray(children) ? children : [children];
}

function textIn(node: unknown): string {
  return typeof node === 'string' ? node : '';
}

/** The value in a `<value>` element of the parser's tree. @throws SyntaxError for a type that XML-RPC does not have */
export function valueOf(node: unknown): XmlValue {
  if (typeof node === 'string') return decodeText(node);
  if (!isNode(node)) throw new SyntaxError('a value is missing');
  const type = Object.keys(node).find((key) => key !== '#text');
  if (type === undefined) return typeof node['#text'] === 'string' ? decodeText(node['#text']) : '';
  const content = node[type];
  switch (type) {
    case 'string':
    case 'dateTime.iso8601':
    case 'i4':
    case 'i8':
    case 'int':
    case 'base64':
      return decodeText(String(content));
    case 'boolean':
      return String(content).trim() === '1';
    case 'double':
      return Number(content);
    case 'array':
      return childrenOf(childrenOf(content, 'data')[0], 'value').map(valueOf);
    case 'struct':
      return Object.fromEntries(
        childrenOf(content, 'member').map((member) => [
          decodeText(textIn(childrenOf(member, 'name')[0])),
          valueOf(childrenOf(member, 'value')[0]),
        ]),
      );
    case 'nil':
      return '';
    default:
      throw new SyntaxError(`XML-RPC has no type "${type}"`);
  }
}

/** Reads the text of one `<value>` element. @throws SyntaxError */
export function parseValue(text: string): XmlValue {
  return valueOf(parseXml(text)['value']);
}

/** Writes a value as a `<value>` element: integers as strings, as XAPI wants them, other numbers as doubles. */
export function formatValue(value: unknown): string {
  return `<value>${contentOf(value)}</value>`;
}

function contentOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return encodeText(value);
    case 'boolean':
      return `<boolean>${value ? 1 : 0}</boolean>`;
    case 'number':
      return Number.isInteger(value) ? String(value) : `<double>${value}</double>`;
    default:
      if (Array.isArray(value)) return `<array><data>${value.map(formatValue).join('')}</data></array>`;
      if (isNode(value)) {
        const members = Object.entries(value).map(
          ([name, item]) => `<member><name>${encodeText(name)}</name>${formatValue(item)}</member>`,
        );
        return `<struct>${members.join('')}</struct>`;
      }
      throw new TypeError(`XML-RPC cannot carry ${String(value)}`);
  }
}
