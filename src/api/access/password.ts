import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

/** Passwords are kept as scrypt hashes: `scrypt$17$8$1$salt$hash`, the first number being the binary logarithm of the cost. */

const derive = promisify<string | Buffer, Buffer, number, object, Buffer>(scrypt);
/** 128 MiB and about 0.4 s: what OWASP recommends. */
const strong = { log2: 17, r: 8, p: 1 };
let weakened: typeof strong | undefined;
/** Several at once would fill the memory. */
let queue: Promise<unknown> = Promise.resolve();

/** For tests, which log in thousands of times. */
export function weakenPasswords(log2: number): void {
  weakened = { ...strong, log2 };
}

export async function hashPassword(password: string): Promise<string> {
  const { log2, r, p } = weakened ?? strong;
  const salt = randomBytes(16);
  const hash = await derived(password, salt, { log2, r, p });
  return ['scrypt', log2, r, p, salt.toString('base64url'), hash.toString('base64url')].join('$');
}

/** Takes as long for a user who does not exist (`undefined`). */
export async function isPassword(password: string, stored: string | undefined): Promise<boolean> {
  const { log2, r, p } = weakened ?? strong;
  const known = stored ?? ['scrypt', log2, r, p, 'A'.repeat(22), 'A'.repeat(43)].join('$');
  const [, cost, blocks, lanes, salt = '', hash = ''] = known.split('$');
  const wanted = Buffer.from(hash, 'base64url');
  const found = await derived(password, Buffer.from(salt, 'base64url'), {
    log2: Number(cost),
    r: Number(blocks),
    p: Number(lanes),
  });
  return found.length === wanted.length && timingSafeEqual(found, wanted) && stored !== undefined;
}

async function derived(password: string, salt: Buffer, { log2, r, p }: typeof strong): Promise<Buffer> {
  const work = async (): Promise<Buffer> =>
    derive(password.normalize('NFC'), salt, 32, { N: 2 ** log2, r, p, maxmem: 256 * 2 ** 20 });
  const mine = queue.then(work, work);
  queue = mine.catch(() => undefined);
  return mine;
}
