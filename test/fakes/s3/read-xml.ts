import { XMLParser } from 'fast-xml-parser';
import { S3Error } from './s3-error.ts';

const parser = new XMLParser({
  parseTagValue: false,
  htmlEntities: true,
  isArray: (name) => name === 'Part' || name === 'Object',
});

/** The elements below the root element `root`. @throws S3Error MalformedXML */
export function parseXml(text: string, root: string): Record<string, unknown> {
  let parsed: Record<string, unknown>;
  try {
    parsed = parser.parse(text, true) as Record<string, unknown>;
  } catch {
    throw new S3Error('MalformedXML');
  }
  const found = parsed[root];
  if (found === null || typeof found !== 'object') throw new S3Error('MalformedXML');
  return found as Record<string, unknown>;
}
