/** A value as XAPI writes it in XML-RPC: numbers are text there, except where `double` says otherwise. */
export type XmlRpcValue =
  | string
  | number
  | boolean
  | Date
  | { double: number }
  | readonly XmlRpcValue[]
  | { readonly map: Readonly<Record<string, XmlRpcValue>> };

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

/** Characters that XML has no way to say are left out. */
function escapeXml(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are what XML 1.0 forbids
  const allowed = text.replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Surrogate}/gu, '');
  return allowed.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');
}

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
