import { escapeXml } from '../shared/escape-xml.ts';

/** A value as XAPI writes it in XML-RPC: numbers are text there, except where `double` says otherwise. */
export type XmlRpcValue =
  | string
  | number
  | boolean
  | Date
  | { double: number }
  | readonly XmlRpcValue[]
  | { readonly map: Readonly<Record<string, XmlRpcValue>> };

/** `<value>…</value>` */
export function xmlRpc(value: XmlRpcValue): string {
  if (typeof value === 'string') return `<value>${escapeXml(value)}</value>`;
  if (typeof value === 'number') return `<value>${value}</value>`;
  if (typeof value === 'boolean') return `<value><boolean>${value ? 1 : 0}</boolean></value>`;
  if (value instanceof Date) {
    const time = value
      .toISOString()
      .replaceAll('-', '')
      .replace(/\.\d+Z$/, 'Z');
    return `<value><dateTime.iso8601>${time}</dateTime.iso8601></value>`;
  }
  if (Array.isArray(value))
    return `<value><array><data>${value.map((item: XmlRpcValue) => xmlRpc(item)).join('')}</data></array></value>`;
  if ('double' in value) return `<value><double>${value.double}</double></value>`;
  if ('map' in value) {
    const members = Object.entries(value.map).map(
      ([name, member]) => `<member><name>${escapeXml(name)}</name>${xmlRpc(member)}</member>`,
    );
    return `<value><struct>${members.join('')}</struct></value>`;
  }
  throw new TypeError('not a value of XML-RPC');
}
