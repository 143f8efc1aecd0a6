/** Secrets are registered where they are read, and removed from everything that leaves the process, in one place: the event sink. */

const secrets = new Set<string>();
const mask = '[redacted]';

/** Registers a secret, and the forms in which it is likely to turn up (base64, URL-encoded, JSON-escaped). Very short values are not registered. */
export function registerSecret(value: string): void {
  for (const secret of [value, ...value.split(/\r?\n/)]) {
    if (secret.length < 6) continue;
    secrets.add(secret);
    secrets.add(Buffer.from(secret).toString('base64'));
    secrets.add(encodeURIComponent(secret));
    secrets.add(JSON.stringify(secret).slice(1, -1));
  }
}

/** Returns `text` with every registered secret replaced, the longest first. */
export function redact(text: string): string {
  let clean = text;
  for (const secret of [...secrets].toSorted((a, b) => b.length - a.length)) clean = clean.replaceAll(secret, mask);
  return clean;
}

/** {@link redact} over all strings of a JSON-like value. */
export function redactDeep<T>(value: T): T {
  if (secrets.size === 0) return value;
  if (typeof value === 'string') return redact(value) as T;
  if (Array.isArray(value)) return value.map(redactDeep) as T;
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactDeep(item)])) as T;
  }
  return value;
}

/** Forgets all secrets; for tests. */
export function forgetSecrets(): void {
  secrets.clear();
}
