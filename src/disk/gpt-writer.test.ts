import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../test/small-ext4.ts';
import { needs } from '../../test/tools.ts';
import { exec } from '../util/exec.ts';
import { gptPieces, type NewPartition, partitionTypes } from './gpt-writer.ts';
import { readPartitions } from './gpt.ts';

const MiB = 2 ** 20;
const diskUuid = 'a3bb189e-8bf9-4d15-9d6c-2f7c0b1c5d11';

function diskOf(size: number, partitions: NewPartition[], bootCode?: Buffer): Buffer {
  const disk = Buffer.alloc(size);
  for (const { offset, bytes } of gptPieces(size, diskUuid, partitions, bootCode)) bytes.copy(disk, offset);
  return disk;
}

/** Partitions side by side that fit a disk of 8 MiB, in any order of numbers. */
const anyPartitions = fc
  .tuple(
    fc.array(fc.integer({ min: 34, max: 16_350 }), { minLength: 2, maxLength: 16 }),
    fc.uniqueArray(fc.integer({ min: 1, max: 128 }), { minLength: 8, maxLength: 8 }),
    fc.array(fc.string({ unit: 'grapheme-ascii', maxLength: 36 }), { minLength: 8, maxLength: 8 }),
    fc.array(fc.uuid(), { minLength: 8, maxLength: 8 }),
  )
  .map(([cuts, numbers, names, uuids]) => {
    const edges = [...new Set(cuts)].toSorted((a, b) => a - b);
    return Array.from(
      { length: Math.floor(edges.length / 2) },
      (_, index): NewPartition => ({
        number: numbers[index] as number,
        type: Object.values(partitionTypes)[index % 3] as string,
        uuid: uuids[index] as string,
        name: names[index] as string,
        firstSector: edges[index * 2] as number,
        lastSector: (edges[index * 2 + 1] as number) - 1,
      }),
    );
  });

describe('a partition table', () => {
  test('is read back as it was written', async () => {
    await fc.assert(
      fc.asyncProperty(anyPartitions, async (partitions) => {
        const read = await readPartitions(memorySource(diskOf(8 * MiB, partitions)));
        const expected = partitions
          .toSorted((a, b) => a.number - b.number)
          .map(({ number, type, uuid, name, firstSector, lastSector }) => ({
            number,
            type,
            uuid,
            name,
            offset: firstSector * 512,
            size: (lastSector + 1 - firstSector) * 512,
          }));
        expect(read).toEqual(expected);
      }),
    );
  });

  test('has boot code only where boot code goes', () => {
    const disk = diskOf(8 * MiB, [], Buffer.alloc(512, 0xcc));
    expect(disk.subarray(0, 440)).toEqual(Buffer.alloc(440, 0xcc));
    expect(disk.readUInt32LE(440)).toBe(Number.parseInt(diskUuid.slice(0, 8), 16));
    expect(disk.readUInt16LE(510)).toBe(0xaa55);
    expect(diskOf(8 * MiB, []).subarray(0, 440)).toEqual(Buffer.alloc(440));
  });
});

describe.skipIf(needs('sgdisk', 'sfdisk'))('a partition table, judged by other tools,', () => {
  let folder = '';
  let path = '';
  const uuid = randomUUID();
  const partitions: NewPartition[] = [
    { number: 1, type: partitionTypes.linuxRootX64, uuid, name: 'root', firstSector: 6144, lastSector: 30_719 },
    { number: 14, type: partitionTypes.biosBoot, uuid: randomUUID(), name: 'bios', firstSector: 2048, lastSector: 4095 },
    { number: 15, type: partitionTypes.efiSystem, uuid: randomUUID(), name: 'esp', firstSector: 4096, lastSector: 6143 },
  ];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gpt-'));
    path = join(folder, 'disk');
    await writeFile(path, diskOf(16 * MiB, partitions));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('has no faults', async () => {
    expect((await exec(['sgdisk', '--verify', path])).stdout).toContain('No problems found');
    const { stdout, stderr } = await exec(['sfdisk', '--verify', path]);
    expect(stdout + stderr).toMatch(/^No errors detected\.$/m);
  });

  test('says the same', async () => {
    const { stdout } = await exec(['sfdisk', '--json', path]);
    const { partitiontable: table } = JSON.parse(stdout) as {
      partitiontable: {
        label: string;
        id: string;
        partitions: { start: number; size: number; type: string; uuid: string; name: string }[];
      };
    };
    expect(table).toMatchObject({ label: 'gpt', id: diskUuid.toUpperCase(), firstlba: 34, lastlba: 32_734 });
    expect(table.partitions.map(({ start, size, name }) => [name, start, size])).toEqual([
      ['root', 6144, 24_576],
      ['bios', 2048, 2048],
      ['esp', 4096, 2048],
    ]);
    expect(table.partitions[0]).toMatchObject({ type: partitionTypes.linuxRootX64.toUpperCase(), uuid: uuid.toUpperCase() });
    expect((await exec(['sgdisk', '--info=14', path])).stdout).toContain('BIOS boot partition');
    expect((await exec(['sgdisk', '--info=15', path])).stdout).toContain('EFI system partition');
  });

  test('can be read from its copy', async () => {
    const broken = join(folder, 'broken');
    await writeFile(broken, diskOf(16 * MiB, partitions).fill(0, 512, 34 * 512));
    const { stdout } = await exec(['sfdisk', '--json', broken]);
    expect(stdout).toContain(uuid.toUpperCase());
  });
});
