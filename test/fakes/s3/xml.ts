export type XmlNode = [name: string, content: string | number | boolean | XmlNode[]];

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** A document of elements; the root is in the namespace of S3 unless it is an error. */
export function renderXml([name, content]: XmlNode, inNamespace = true): string {
  const space = inNamespace ? ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"' : '';
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${name}${space}>${renderContent(content)}</${name}>`;
}

function renderContent(content: XmlNode[1]): string {
  if (!Array.isArray(content)) return escapeXml(String(content));
  return content.map(([name, inner]) => `<${name}>${renderContent(inner)}</${name}>`).join('');
}

/** Characters that XML has no way to hold are written as references, which real parsers refuse: that is what `encoding-type=url` is for. */
function escapeXml(text: string): string {
  return text
    .replaceAll(/[&<>"]/g, (character) => entities[character] ?? character)
    .replaceAll(/[^\P{Cc}\t\n]/gu, (character) => `&#x${character.codePointAt(0)?.toString(16)};`);
}
