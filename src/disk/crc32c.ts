/** CRC-32C (Castagnoli), the checksum of ext4's metadata. Neither inverted at the start nor at the end: as the kernel's crc32c_le. */

const table = new Uint32Array(256);
for (let index = 0; index < 256; index += 1) {
  let value = index;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  table[index] = value >>> 0;
}

/** Continues `crc` over the bytes; start with 0xffffffff. */
export function crc32c(crc: number, bytes: Uint8Array): number {
  let value = crc;
  for (let index = 0; index < bytes.length; index += 1) {
    value = (value >>> 8) ^ (table[(value ^ (bytes[index] as number)) & 0xff] as number);
  }
  return value >>> 0;
}
