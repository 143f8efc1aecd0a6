import { open, stat } from 'node:fs/promises';
import type { FileProbe, Format } from '../model/format.ts';
import { describeText } from '../util/describe-text.ts';
import { AppError, errnoOf, toAppError } from '../util/errors.ts';

const headSize = 64 * 2 ** 10;
const tailSize = 512;
/** Whatever is no other format may be a raw disk. */
const lastAsked = 'raw';

/** What a file's format is told by. @throws AppError NOT_FOUND, IMAGE_INVALID */
export async function probeFile(path: string): Promise<FileProbe> {
  try {
    // Before the opening, which would wait for ever on a pipe.
    if (!(await stat(path)).isFile()) throw new AppError('IMAGE_INVALID', `${path} is not a regular file`);
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const read = async (offset: number, length: number): Promise<Buffer> =>
      (await file.read(Buffer.alloc(length), 0, length, offset)).buffer;
    const [head, tail] = [
      await read(0, Math.min(size, headSize)),
      await read(Math.max(0, size - tailSize), Math.min(size, tailSize)),
    ];
    return { path, size, head, tail };
  } catch (error) {
    throw toAppError(error, errnoOf(error) === 'ENOENT' ? 'NOT_FOUND' : 'IMAGE_INVALID', `Opening ${path}`);
  }
}

/** The format of a file by its content, whatever it is called. @throws AppError IMAGE_INVALID when it is none */
export async function detectFormat(formats: readonly Format[], probe: FileProbe): Promise<Format> {
  const inOrder = [...formats.filter(({ id }) => id !== lastAsked), ...formats.filter(({ id }) => id === lastAsked)];
  for (const format of inOrder) if (await format.recognizes(probe)) return format;
  const what = probe.size === 0 ? 'empty' : describeText(probe.head);
  throw new AppError('IMAGE_INVALID', `${probe.path} is not a disk image${what === undefined ? '' : `: it is ${what}`}`, {
    hint: `Formats are ${formats.map(({ id }) => id).join(', ')}; --from raw takes any file as a raw disk.`,
  });
}

/** The format with that id. @throws AppError USAGE */
export function formatOf(formats: readonly Format[], id: string): Format {
  const format = formats.find((candidate) => candidate.id === id);
  if (format === undefined)
    throw new AppError('USAGE', `"${id}" is not a format`, {
      hint: `Formats are ${formats.map((candidate) => candidate.id).join(', ')}.`,
    });
  return format;
}
