import { crc32 } from 'node:zlib';

/**
 * An .xz file that holds its content as it is (LZMA2 chunks without compression): for small files that must be xz by their name, the same
 * bytes everywhere. Format: The .xz File Format, version 1.2.1.
 */
export function xzStored(content: Uint8Array): Buffer {
  const header = Buffer.concat([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), Buffer.from([0, 1])]);
  const flags = Buffer.from([0, 1]); // The check is a CRC32.
  const streamHeader = Buffer.concat([header, crcOf(flags)]);

  const blockHeaderBody = Buffer.from([2, 0, 0x21, 1, 0x16, 0, 0, 0]); // 12 bytes with its CRC; one filter: LZMA2, dictionary of 8 MiB.
  const blockHeader = Buffer.concat([blockHeaderBody, crcOf(blockHeaderBody)]);
  const chunks: Buffer[] = [];
  for (let at = 0; at < content.length; at += 65_536) {
    const chunk = content.subarray(at, at + 65_536);
    const size = chunk.length - 1;
    // 1: the dictionary begins anew; 2: it goes on.
    chunks.push(Buffer.from([at === 0 ? 1 : 2, size >> 8, size & 0xff]), Buffer.from(chunk));
  }
  const data = Buffer.concat([...chunks, Buffer.from([0])]);
  const unpadded = blockHeader.length + data.length + 4;
  const block = Buffer.concat([blockHeader, data, Buffer.alloc((4 - (unpadded % 4)) % 4), crcOf(content)]);

  const records = Buffer.concat([Buffer.from([0]), multibyte(1), multibyte(unpadded), multibyte(content.length)]);
  const indexBody = Buffer.concat([records, Buffer.alloc((4 - (records.length % 4)) % 4)]);
  const index = Buffer.concat([indexBody, crcOf(indexBody)]);

  const backward = Buffer.alloc(4);
  backward.writeUInt32LE(index.length / 4 - 1);
  const footerBody = Buffer.concat([backward, flags]);
  return Buffer.concat([streamHeader, block, index, crcOf(footerBody), footerBody, Buffer.from('YZ')]);
}

function crcOf(bytes: Uint8Array): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(crc32(bytes));
  return buffer;
}

/** Seven bits a byte, the lowest first. */
function multibyte(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 0x80);
  }
}
