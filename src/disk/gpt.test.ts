import { describe, expect, test } from 'vitest';
import { memorySource } from '../../test/small-ext4.ts';
import { AppError } from '../util/errors.ts';
import { gptPieces, type NewPartition, partitionTypes } from './gpt-writer.ts';
import { readPartitions } from './gpt.ts';

const size = 4 * 2 ** 20;
const partitions: NewPartition[] = [
  {
    number: 1,
    type: partitionTypes.linuxRootX64,
    uuid: '01234567-89ab-4cde-8f01-23456789abcd',
    name: 'root',
    firstSector: 4096,
    lastSector: 8000,
  },
  {
    number: 15,
    type: partitionTypes.efiSystem,
    uuid: 'fedcba98-7654-4321-8fed-cba987654321',
    name: 'esp',
    firstSector: 2048,
    lastSector: 4095,
  },
];

function disk(of = partitions): Buffer {
  const bytes = Buffer.alloc(size);
  for (const piece of gptPieces(size, '11111111-2222-4333-8444-555555555555', of)) piece.bytes.copy(bytes, piece.offset);
  return bytes;
}

const expected = [
  {
    number: 1,
    type: partitionTypes.linuxRootX64,
    uuid: '01234567-89ab-4cde-8f01-23456789abcd',
    name: 'root',
    offset: 4096 * 512,
    size: 3905 * 512,
  },
  {
    number: 15,
    type: partitionTypes.efiSystem,
    uuid: 'fedcba98-7654-4321-8fed-cba987654321',
    name: 'esp',
    offset: 2048 * 512,
    size: 2048 * 512,
  },
];

describe('a partition table', () => {
  test('is read as it was written', async () => {
    expect(await readPartitions(memorySource(disk()))).toEqual(expected);
  });

  test.each([
    ['header', 512 + 24],
    ['header checksum', 512 + 16],
    ['entry', 1024 + 40],
  ])('with a damaged %s is read from its copy', async (_, place) => {
    const bytes = disk();
    bytes[place] = (bytes[place] as number) ^ 1;
    expect(await readPartitions(memorySource(bytes))).toEqual(expected);
  });

  test('that is damaged twice is refused, and says how', async () => {
    const bytes = disk();
    bytes[512] = 0;
    bytes[size - 512 + 60] = 0xff;
    await expect(readPartitions(memorySource(bytes))).rejects.toThrow(
      /sector 1 has no signature; sector \d+ has a wrong header checksum/,
    );
  });

  test.each([
    ['overlap', [partitions[0] as NewPartition, { ...(partitions[1] as NewPartition), lastSector: 5000 }], /inside another/],
    ['outside', [{ ...(partitions[0] as NewPartition), lastSector: 80_000 }], /outside the disk/],
  ])('with right checksums and partitions that %s is refused', async (_, wrong, message) => {
    await expect(readPartitions(memorySource(disk(wrong)))).rejects.toThrow(message);
  });

  test('of random bytes is refused', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(512), Buffer.alloc(size, 'EFI PART')]) {
      await expect(readPartitions(memorySource(bytes))).rejects.toBeInstanceOf(AppError);
    }
  });
});
