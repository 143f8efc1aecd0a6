import { AppError } from '../../util/errors.ts';

/** Where a host of a pool listens. */
export interface HostAddress {
  /** A name or an IP address, without brackets. */
  name: string;
  port: number;
}

const defaultPort = 443;

/** Reads `pool.example`, `10.0.0.5:8443`, `[fd00::5]:443` or `fd00::5`. @throws AppError CONFIG_INVALID */
export function parseHost(text: string, port = defaultPort): HostAddress {
  const bracketed = /^\[([0-9a-f:.%]+)\](?::(\d{1,5}))?$/i.exec(text);
  const plain = bracketed ?? /^([^:/@\s[\]]+)(?::(\d{1,5}))?$/.exec(text);
  const name = plain?.[1] ?? (/^[0-9a-f:.]+$/i.test(text) && text.split(':').length > 2 ? text : undefined);
  const given = plain?.[2] === undefined ? port : Number(plain[2]);
  if (name === undefined || given < 1 || given > 65_535) {
    throw new AppError('CONFIG_INVALID', `"${text}" is not the address of a host`, {
      hint: 'Write it as pool.example, 10.0.0.5 or 10.0.0.5:8443, without https:// and without a user.',
    });
  }
  return { name, port: given };
}

/** `10.0.0.5:443`, `[fd00::5]:443`: how a host is named in messages and pins. */
export function formatHost({ name, port }: HostAddress): string {
  return `${name.includes(':') ? `[${name}]` : name}:${port}`;
}
