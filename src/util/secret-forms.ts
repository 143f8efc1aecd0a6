/**
 * The forms in which a secret is likely to turn up: as it is; in base64, also in the middle of something longer (`user:secret` of HTTP); in hex;
 * in a URL or a form; in JSON, also in JSON within JSON; in XML.
 */
export function formsOf(secret: string): Set<string> {
  const bytes = Buffer.from(secret);
  const json = JSON.stringify(secret).slice(1, -1);
  const url = encodeURIComponent(secret);
  // What encodeURIComponent leaves and RFC 3986 does not.
  const strictUrl = url.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  const forms = [
    secret,
    ...[url, strictUrl].flatMap((form) => [form, lowerPercent(form), form.replaceAll('%20', '+')]),
    json,
    JSON.stringify(json).slice(1, -1),
    asciiJson(json),
    xml(secret),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    bytes.toString('base64'),
    bytes.toString('base64url'),
    ...[0, 1, 2].flatMap((offset) => withinBase64(bytes, offset)),
  ];
  return new Set(forms);
}

function lowerPercent(text: string): string {
  return text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase());
}

function asciiJson(text: string): string {
  return text.replace(/[^\0-~]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function xml(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };
  return text.replace(/[&<>"']/g, (char) => entities[char] ?? char);
}

/** The characters of base64 that are the same whatever stands before (`offset` bytes more than a multiple of three) and after. */
function withinBase64(bytes: Buffer, offset: number): string[] {
  const padded = Buffer.concat([Buffer.alloc(offset), bytes]);
  const from = Math.ceil((offset * 8) / 6);
  const to = Math.floor((padded.length * 8) / 6);
  return [padded.toString('base64').slice(from, to), padded.toString('base64url').slice(from, to)];
}
