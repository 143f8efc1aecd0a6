import type { ExactReader } from './socket-reader.ts';

export interface TarEntry {
  name: string;
  size: number;
}

export const tarBlock = 512;

/** Bytes after a file's content up to the next block. */
export function paddingOf(size: number): number {
  return (tarBlock - (size % tarBlock)) % tarBlock;
}

function text(header: Buffer, at: number, length: number): string {
  const end = header.subarray(at, at + length).indexOf(0);
  return header.toString('latin1', at, at + (end === -1 ? length : end));
}

function octal(header: Buffer, at: number, length: number): number {
  const digits = text(header, at, length).trim();
  if (!/^[0-7]+$/.test(digits)) throw new Error(`tar: "${digits}" is no number`);
  return Number.parseInt(digits, 8);
}

/** Reads the next header; undefined at the end of the archive. Plain files only, as in an XVA. @throws Error, EndOfFile */
export async function readTarHeader(reader: ExactReader): Promise<TarEntry | undefined> {
  return parseTarHeader(await reader.read(tarBlock));
}

export function parseTarHeader(header: Buffer): TarEntry | undefined {
  if (header.every((byte) => byte === 0)) return undefined;
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (octal(header, 148, 8) !== sum) throw new Error('tar: wrong checksum of a header');
  const type = String.fromCharCode(header[156] ?? 0);
  if (type !== '0' && type !== '\0') throw new Error(`tar: an entry of type "${type}"`);
  const isUstar = text(header, 257, 5) === 'ustar';
  const prefix = isUstar ? text(header, 345, 155) : '';
  return { name: prefix === '' ? text(header, 0, 100) : `${prefix}/${text(header, 0, 100)}`, size: octal(header, 124, 12) };
}

/** A header for a plain file. */
export function tarHeader({ name, size }: TarEntry): Buffer {
  const header = Buffer.alloc(tarBlock);
  header.write(name, 0, 100, 'latin1');
  header.write('0000600\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}
