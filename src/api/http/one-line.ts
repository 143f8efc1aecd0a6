/**
 * JSON on one line that a terminal can show: JSON itself escapes what lies below 32; this also escapes the other control characters (an
 * 8-bit CSI begins a command of a terminal), what reverses the direction of text, and what is invisible.
 */
export function oneLine(value: unknown): string {
  return (JSON.stringify(value) ?? 'null').replaceAll(
    /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
