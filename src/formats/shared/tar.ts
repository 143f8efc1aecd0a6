/** Headers of tar archives, as POSIX.1-1988 (ustar) has them: what XVA and OVA files are made of. */

export const tarBlock = 512;
/** What stands at the end of an archive. */
export const tarEnd = Buffer.alloc(2 * tarBlock);
/** Eleven octal digits; what is larger is written as GNU tar does it. */
const maxOctalSize = 8 ** 11 - 1;

export interface TarEntry {
  name: string;
  /** Bytes of its content. */
  size: number;
}

/** Bytes from an entry's content to the next header. */
export function tarPadded(size: number): number {
  return Math.ceil(size / tarBlock) * tarBlock;
}

/** The header of a regular file; `time` in seconds since 1970. The name must be ASCII and at most 99 bytes. */
export function tarHeader({ name, size }: TarEntry, time: number): Buffer {
  if (!/^[\x20-\x7e]{1,99}$/.test(name)) throw new RangeError(`"${name}" does not fit a tar header`);
  const header = Buffer.alloc(tarBlock);
  header.write(name, 0, 'latin1');
  header.write(['0000644', '0000000', '0000000', ''].join('\0'), 100, 'latin1');
  if (size <= maxOctalSize) header.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  else {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(size), 128);
  }
  header.write(`${time.toString(8).padStart(11, '0')}\0`, 136, 'latin1');
  header.write('        0', 148, 'latin1');
  header.write(['ustar', '00'].join('\0'), 257, 'latin1');
  header.write(`${sumOf(header).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** A small file as it stands in an archive: header, content, padding. */
export function tarFile(name: string, content: Uint8Array, time: number): Buffer {
  const padding = Buffer.alloc(tarPadded(content.length) - content.length);
  return Buffer.concat([tarHeader({ name, size: content.length }, time), content, padding]);
}

/**
 * Reads a header: `end` for a block of zeros, else the entry, or what is wrong with it in words (`has no valid checksum`).
 * Only regular files are taken: no links, folders, devices, and no names that lead elsewhere.
 */
export function parseTarHeader(header: Buffer): TarEntry | 'end' | { fault: string } {
  if (header.length < tarBlock) return { fault: 'is cut off' };
  if (header.every((byte) => byte === 0)) return 'end';
  const sum = octal(header, 148, 8);
  const checked = Buffer.from(header);
  checked.fill(' ', 148, 156);
  if (sum !== sumOf(checked)) return { fault: 'has no valid checksum' };
  const type = header[156];
  if (type !== 0x30 && type !== 0) return { fault: `is not of a regular file (type ${String.fromCharCode(type ?? 0)})` };
  const size = header[124] === 0x80 ? Number(header.readBigUInt64BE(128)) : octal(header, 124, 12);
  if (size === undefined || !Number.isSafeInteger(size)) return { fault: 'has no valid size' };
  const isUstar = header.toString('latin1', 257, 262) === 'ustar';
  const prefix = isUstar && header[262] === 0 ? text(header, 345, 155) : '';
  const name = prefix === '' ? text(header, 0, 100) : `${prefix}/${text(header, 0, 100)}`;
  if (name === '' || name.startsWith('/') || name.split('/').includes('..')) return { fault: `names "${name}"` };
  return { name, size };
}

function text(bytes: Buffer, start: number, length: number): string {
  const end = bytes.indexOf(0, start);
  return bytes.toString('utf8', start, end === -1 || end > start + length ? start + length : end);
}

function octal(bytes: Buffer, start: number, length: number): number | undefined {
  const digits = text(bytes, start, length).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}

/** The sum of all bytes, those of the checksum itself counted as spaces. */
function sumOf(header: Buffer): number {
  let sum = 0;
  for (const byte of header) sum += byte;
  return sum;
}
