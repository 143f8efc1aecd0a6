import { isMap, parseDocument } from 'yaml';
import { AppError } from './errors.ts';

/**
 * The text of a YAML document with some keys set below `path`, and made where they are missing. Comments, order, and whatever else is there stay.
 * @throws AppError CONFIG_INVALID when it is no document that could be changed
 */
export function editYaml(text: string, path: readonly string[], values: Readonly<Record<string, unknown>>): string {
  const document = parseDocument(text);
  if (document.errors.length > 0 || (document.contents !== null && !isMap(document.contents))) {
    throw new AppError('CONFIG_INVALID', `It is not YAML that can be changed: ${document.errors[0]?.message ?? 'not a map'}`);
  }
  if (document.contents === null) document.set(path[0] ?? '', document.createNode({}));
  for (let depth = 1; depth <= path.length; depth += 1) {
    const found = document.getIn(path.slice(0, depth), true);
    // A key without a value holds null.
    if (!isMap(found)) document.setIn(path.slice(0, depth), document.createNode({}));
  }
  for (const [key, value] of Object.entries(values)) document.setIn([...path, key], value);
  return document.toString({ lineWidth: 0 });
}
