/**
 * XML-RPC as XAPI's side reads and writes it, written apart from the client's own, so that both cannot share a mistake.
 * Strict: what is not well-formed, or no type of XML-RPC, throws.
 */
export type Value = string | number | boolean | Value[] | { [name: string]: Value };

interface Element {
  name: string;
  children: Element[];
  text: string;
}

/** Reads a document into elements. */
export function parseElements(source: string): Element {
  const root: Element = { name: '', children: [], text: '' };
  const open: Element[] = [root];
  const pattern = /<\?[^>]*\?>|<!--[\s\S]*?-->|<(\/?)([A-Za-z][\w.-]*)\s*(\/?)>|([^<]+)|(<)/g;
  for (const [, closing, name, empty, text, stray] of source.matchAll(pattern)) {
    const top = open.at(-1) ?? root;
    if (stray !== undefined) throw new Error('XML: a stray <');
    if (text !== undefined) top.text += unescape(text);
    else if (name === undefined) continue;
    else if (closing === '/') {
      if (top.name !== name || open.length < 2) throw new Error(`XML: </${name}> closes <${top.name}>`);
      open.pop();
    } else {
      const element = { name, children: [], text: '' };
      top.children.push(element);
      if (empty !== '/') open.push(element);
    }
  }
  const [only, ...others] = root.children;
  if (open.length > 1 || only === undefined || others.length > 0) throw new Error('XML: not one whole element');
  return only;
}

function unescape(text: string): string {
  return text.replace(/&(#\d+|#x[0-9a-f]+|\w+);/gi, (whole, name: string) => {
    if (name.startsWith('#x')) return String.fromCodePoint(Number.parseInt(name.slice(2), 16));
    if (name.startsWith('#')) return String.fromCodePoint(Number(name.slice(1)));
    const character = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }[name];
    if (character === undefined) throw new Error(`XML: no entity ${whole}`);
    return character;
  });
}

function child(element: Element, name: string): Element {
  const found = element.children.find((item) => item.name === name);
  if (!found) throw new Error(`XML-RPC: <${element.name}> without <${name}>`);
  return found;
}

export function valueIn(element: Element): Value {
  if (element.name !== 'value') throw new Error(`XML-RPC: <${element.name}> where a value should be`);
  const [typed] = element.children;
  if (typed === undefined) return element.text;
  switch (typed.name) {
    case 'string':
    case 'dateTime.iso8601':
      return typed.text;
    case 'i4':
    case 'int':
      if (!/^-?\d+$/.test(typed.text)) throw new Error(`XML-RPC: "${typed.text}" is no integer`);
      return Number(typed.text);
    case 'double':
      return Number(typed.text);
    case 'boolean':
      if (typed.text !== '0' && typed.text !== '1') throw new Error(`XML-RPC: "${typed.text}" is no boolean`);
      return typed.text === '1';
    case 'array':
      return child(typed, 'data').children.map(valueIn);
    case 'struct':
      return Object.fromEntries(typed.children.map((member) => [child(member, 'name').text, valueIn(child(member, 'value'))]));
    default:
      throw new Error(`XML-RPC: no type <${typed.name}>`);
  }
}

/** Reads `<value>...</value>`. */
export function parseXmlValue(source: string): Value {
  return valueIn(parseElements(source));
}

/** Reads a `<methodCall>`. */
export function parseXmlCall(source: string): { method: string; parameters: Value[] } {
  const call = parseElements(source);
  if (call.name !== 'methodCall') throw new Error('XML-RPC: no method call');
  const params = call.children.find(({ name }) => name === 'params')?.children ?? [];
  return { method: child(call, 'methodName').text, parameters: params.map((param) => valueIn(child(param, 'value'))) };
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

export function writeXmlValue(value: Value): string {
  if (typeof value === 'boolean') return `<value><boolean>${value ? 1 : 0}</boolean></value>`;
  if (typeof value === 'number') {
    return `<value>${Number.isInteger(value) ? `<i4>${value}</i4>` : `<double>${value}</double>`}</value>`;
  }
  if (typeof value === 'string') return `<value>${escape(value)}</value>`;
  if (Array.isArray(value)) return `<value><array><data>${value.map(writeXmlValue).join('')}</data></array></value>`;
  const members = Object.entries(value).map(
    ([name, item]) => `<member><name>${escape(name)}</name>${writeXmlValue(item)}</member>`,
  );
  return `<value><struct>${members.join('')}</struct></value>`;
}

export function writeXmlAnswer(value: Value): string {
  return `<?xml version="1.0"?><methodResponse><params><param>${writeXmlValue(value)}</param></params></methodResponse>`;
}
