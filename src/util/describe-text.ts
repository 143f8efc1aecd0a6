/** What a file is instead of an image, in words: for those who downloaded an error page. Undefined when it does not look like text. */
export function describeText(head: Buffer): string | undefined {
  const start = head
    .subarray(0, 4096)
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trimStart();
  if (/^<(!doctype html|html|head|body)\b/i.test(start)) {
    const title = /<title>([^<]{1,200})<\/title>/i.exec(start)?.[1]?.trim();
    return `a web page${title === undefined ? '' : ` ("${title}")`}, such as a server sends instead of a file`;
  }
  if (start.startsWith('<?xml') || start.startsWith('<Error>')) return 'XML, such as a server sends instead of a file';
  // eslint-disable-next-line no-control-regex -- what no text holds
  if (start.length > 0 && !/[\0-\x08\x0e-\x1a\ufffd]/.test(start)) return 'text';
  return undefined;
}
