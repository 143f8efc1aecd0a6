import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c } from './crc32c.ts';

/** As protocols use it: inverted at the end too. */
function inverted(bytes: Uint8Array): number {
  return (crc32c(0xffffffff, bytes) ^ 0xffffffff) >>> 0;
}

describe('CRC-32C', () => {
  test.each([
    ['the check value of the algorithm', Buffer.from('123456789'), 0xe3069283],
    ['32 zeros (RFC 3720, B.4)', Buffer.alloc(32), 0x8a9136aa],
    ['32 times 0xff', Buffer.alloc(32, 0xff), 0x62a8ab43],
    ['0 to 31', Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
    ['nothing', Buffer.alloc(0), 0],
  ])('of %s is right', (_, bytes, sum) => {
    expect(inverted(bytes)).toBe(sum);
  });

  test('can be continued at any place', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(crc32c(crc32c(0xffffffff, a), b)).toBe(crc32c(0xffffffff, Buffer.concat([a, b])));
      }),
    );
  });

  test('notices every single changed bit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), (bytes, at) => {
        const other = Uint8Array.from(bytes);
        const index = Math.floor(at / 8) % bytes.length;
        other[index] = (other[index] as number) ^ (1 << (at % 8));
        expect(crc32c(0xffffffff, other)).not.toBe(crc32c(0xffffffff, bytes));
      }),
    );
  });
});
