const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };

/** Text as it stands in XML, between tags or quotes. Characters that XML has no way to say are left out. */
export function escapeXml(text: string): string {
  // eslint-disable-next-line no-control-regex -- these are what XML 1.0 forbids
  const allowed = text.replaceAll(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Surrogate}/gu, '');
  return allowed.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '');
}
