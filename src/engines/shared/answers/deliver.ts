import { createReadStream, createWriteStream } from 'node:fs';
import { appendFile, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { cpioArchive } from '../../../disk/cpio-writer.ts';
import { iso9660 } from '../../../disk/iso9660-writer.ts';
import type { Answers } from './answers.ts';

/** How answers come to where an installer looks for them by itself. */

function contents({ files }: Pick<Answers, 'files'>): Record<string, string> {
  return Object.fromEntries(files.map(({ name, text }) => [name, text]));
}

/** A small ISO image with the answers and the volume id that the installer looks for. */
export function answersVolume(answers: Pick<Answers, 'files'>, volumeId: string): Buffer {
  return iso9660(volumeId, contents(answers));
}

/** Linux takes an archive behind another one only where it begins at a multiple of this. */
const alignment = 4;

/** Writes an initial ramdisk with the answers at its root: the medium's own, and one more archive behind it. */
export async function initrdWithAnswers(initrd: string, answers: Pick<Answers, 'files'>, output: string): Promise<void> {
  await pipeline(createReadStream(initrd), createWriteStream(output));
  const { size } = await stat(output);
  const gap = Buffer.alloc((alignment - (size % alignment)) % alignment);
  await appendFile(output, Buffer.concat([gap, cpioArchive(contents(answers))]));
}
