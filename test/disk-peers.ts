import { readFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { expect } from 'vitest';
import type { Format } from '../src/model/format.ts';
import { exec } from '../src/util/exec.ts';
import { builtOf, type Disk, disks, testFolder, vmOf, writeDisk } from './disks.ts';

/** Disks that qemu-img writes with these arguments are read as they were, whatever their size and their holes. */
export async function readsWhatQemuWrites(format: Format, argv: string[], numRuns = 8): Promise<void> {
  await using folder = await testFolder();
  const small = disks.filter(({ size }) => size < 2 ** 21);
  const property = fc.asyncProperty(small, async (disk) => {
    await writeDisk(folder.file('disk'), disk);
    await exec(['qemu-img', 'convert', '-f', 'raw', ...argv, folder.file('disk'), folder.file('image')]);
    const source = await format.open(folder.file('image'));
    const bytes = await source.read(0, source.size);
    const given = await readFile(folder.file('disk'));
    const data = (await source.dataIn?.(0, source.size)) ?? [];
    await source.close();
    expect(bytes.subarray(0, given.length).equals(given)).toBe(true);
    expect(bytes.subarray(given.length).every((byte) => byte === 0)).toBe(true);
    // What it calls holes is zero.
    for (const { offset, length } of data) bytes.fill(0, offset, offset + length);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  });
  await fc.assert(property, { numRuns });
}

/** 7-Zip, which shares no code with QEMU nor with us, finds the same disk in what we write. */
export async function is7zipsDisk(format: Format, type: 'VHD' | 'VMDK', numRuns = 5): Promise<void> {
  await using folder = await testFolder();
  const small = disks.filter(({ size }) => size < 2 ** 21);
  const property = fc.asyncProperty(small, async (disk) => {
    await writeDisk(folder.file('disk'), disk);
    await format.write(builtOf(folder.file('disk'), disk.size), folder.file('image'), folder.ctx(), vmOf());
    await exec(['7z', 'e', '-y', `-t${type}`, `-o${folder.file('out')}`, folder.file('image')]);
    const { stdout } = await exec(['find', folder.file('out'), '-type', 'f']);
    const bytes = await readFile(stdout.trim());
    await exec(['rm', '-r', folder.file('out')]);
    const given = await readFile(folder.file('disk'));
    expect(bytes.subarray(0, given.length).equals(given)).toBe(true);
    expect(bytes.subarray(given.length).every((byte) => byte === 0)).toBe(true);
  });
  await fc.assert(property, { numRuns });
}

/** An image of a disk, in memory. */
export async function imageOf(format: Format, disk: Disk): Promise<Buffer> {
  await using folder = await testFolder();
  await writeDisk(folder.file('disk'), disk);
  await format.write(builtOf(folder.file('disk'), disk.size), folder.file('image'), folder.ctx(), vmOf());
  return await readFile(folder.file('image'));
}
