/** The complement of the sum of all bytes but the checksum's own four. */
export function checksumOf(bytes: Buffer, checksumAt: number): number {
  let sum = 0;
  for (const [index, byte] of bytes.entries()) if (index < checksumAt || index >= checksumAt + 4) sum += byte;
  return ~sum >>> 0;
}
