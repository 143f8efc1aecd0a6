import { InvalidArgumentError } from 'commander';

/** The value of `--port`: a TCP port, or 0 for a free one. */
export function portOf(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port < 65_536) return port;
  throw new InvalidArgumentError('It must be a number from 0 to 65535.');
}
