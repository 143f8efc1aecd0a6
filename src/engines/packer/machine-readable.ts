/** One line of `packer -machine-readable`: `time,target,type,data...`. */
export interface PackerLine {
  /** `qemu.image`, or empty for all. */
  target: string;
  /** `ui`, `artifact`, `error`, `version` ... */
  type: string;
  data: string[];
}

/** Undefined for what is no such line: a panic, a warning of a library. */
export function parsePackerLine(line: string): PackerLine | undefined {
  const match = /^\d{9,},([^,]*),([a-z-]+),?(.*)$/.exec(line);
  if (match === null) return undefined;
  const [, target = '', type = '', rest = ''] = match;
  return { target, type, data: rest === '' ? [] : rest.split(',').map(unescape) };
}

function unescape(text: string): string {
  return text.replaceAll('%!(PACKER_COMMA)', ',').replaceAll('\\n', '\n').replaceAll('\\r', '\r');
}

/** What is said for people, line by line, without the name of the build before it. */
export function spokenLines({ type, data }: PackerLine): string[] {
  if (type !== 'ui' && type !== 'error') return [];
  const text = type === 'ui' ? data.slice(1).join(',') : data.join(',');
  return text
    .split(/\r?\n/)
    .map((line) => line.replace(/^(==>|-->)?\s*[\w-]+\.image: ?/, '').trimEnd())
    .filter((line) => line.trim() !== '');
}
