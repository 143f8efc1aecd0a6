import { formsOf } from './secret-forms.ts';

/** Secrets are registered where they are read, and removed from everything that leaves the process, in one place: the event sink. */

const mask = '[redacted]';
/** Shorter secrets are not registered: nothing could be read without them. It is also by how much of its beginning a form is found. */
const headLength = 6;
/** Bits of the filter; a power of two. Ten thousand secrets in all their forms fill a thirtieth of it. */
const filterBits = 1 << 22;

/** Forms of secrets by their first characters; `lengths` says which lengths there are, the longest first. */
const forms = new Map<string, { lengths: number[]; texts: Set<string> }>();
/** Says of most places in a text, without a look into the map, that no secret begins there. */
let filter: Uint8Array | undefined;
let longest = 0;

/**
 * Registers a secret, line by line if it has several, in the forms in which it is likely to turn up (see {@link formsOf}). Very short values
 * are not registered.
 */
export function registerSecret(value: string): void {
  for (const secret of new Set([value, value.trim(), ...value.split(/\r?\n/)])) {
    // The frame of a key in PEM tells nothing.
    if (secret.length < headLength || /^-----(BEGIN|END) [A-Z0-9 ]+-----$/.test(secret)) continue;
    for (const form of formsOf(secret)) if (form.length >= headLength) addForm(form);
  }
}

function addForm(form: string): void {
  const head = form.slice(0, headLength);
  const known = forms.get(head) ?? { lengths: [], texts: new Set() };
  forms.set(head, known);
  known.texts.add(form);
  if (!known.lengths.includes(form.length)) known.lengths = [...known.lengths, form.length].toSorted((a, b) => b - a);
  longest = Math.max(longest, form.length);
  filter ??= new Uint8Array(filterBits / 8);
  const bit = hashAt(form, 0);
  filter[bit >> 3] = (filter[bit >> 3] ?? 0) | (1 << (bit & 7));
}

function hashAt(text: string, at: number): number {
  let hash = 0;
  for (let index = at; index < at + headLength; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return (hash ^ (hash >>> 15)) & (filterBits - 1);
}

/** Where secrets stand in a text, those that overlap as one: [from, to) after [from, to). */
function placesOf(text: string): [from: number, to: number][] {
  const places: [number, number][] = [];
  if (filter === undefined) return places;
  const last = text.length - headLength;
  for (let at = 0; at <= last; at += 1) {
    const bit = hashAt(text, at);
    if (((filter[bit >> 3] ?? 0) & (1 << (bit & 7))) === 0) continue;
    const known = forms.get(text.slice(at, at + headLength));
    const length = known?.lengths.find((candidate) => known.texts.has(text.slice(at, at + candidate)));
    if (length === undefined) continue;
    const before = places.at(-1);
    if (before && at < before[1]) before[1] = Math.max(before[1], at + length);
    else places.push([at, at + length]);
  }
  return places;
}

/** Whether a text holds a registered secret in any form. */
export function holdsSecret(text: string): boolean {
  return placesOf(text).length > 0;
}

/** Returns `text` with every registered secret replaced. */
export function redact(text: string): string {
  const places = placesOf(text);
  if (places.length === 0) return text;
  let clean = '';
  let done = 0;
  for (const [from, to] of places) {
    clean += text.slice(done, from) + mask;
    done = to;
  }
  return clean + text.slice(done);
}

/**
 * How much of the beginning of a text may be passed on when more of it is to come, so that no secret is cut in two: all but what may be
 * the beginning of one.
 */
export function safeLength(text: string): number {
  if (longest === 0) return text.length;
  let cut = Math.max(0, text.length - longest + 1);
  for (const [from, to] of placesOf(text)) if (from < cut && cut < to) cut = from;
  return cut;
}

/** {@link redact} over all strings of a JSON-like value, the names of its fields too. */
export function redactDeep<T>(value: T): T {
  if (forms.size === 0) return value;
  if (typeof value === 'string') return redact(value) as T;
  if (Array.isArray(value)) return value.map(redactDeep) as T;
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [redact(key), redactDeep(item)])) as T;
  }
  return value;
}

/** Forgets all secrets; for tests. */
export function forgetSecrets(): void {
  forms.clear();
  filter = undefined;
  longest = 0;
}
