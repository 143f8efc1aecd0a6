import type { FileHandle } from 'node:fs/promises';
import type { Format, FormatFacts } from '../../model/format.ts';
import type { StepContext } from '../../model/step.ts';
import { AppError } from '../../util/errors.ts';
import { dataExtents, extentsIn } from '../../disk/extents.ts';
import type { Extent } from '../../model/extent.ts';
import { openImage } from './open-image.ts';
import { readUpTo } from './read-exactly.ts';

/** The bytes of an image: a whole file, or a part of one. Readers trust nothing in them. */
export class ImageBytes {
  readonly path: string;
  /** What it should be, for messages: `VHD`. */
  readonly kind: string;
  /** Bytes. */
  readonly size: number;
  readonly #readUpTo: (offset: number, length: number) => Promise<Buffer>;
  readonly #findData: () => Promise<Extent[]>;
  readonly #close: () => Promise<void>;
  #extents: Promise<Extent[]> | undefined;

  /** `readUpTo` gives fewer bytes only where the image ends. */
  constructor(
    { path, kind, size }: Pick<ImageBytes, 'path' | 'kind' | 'size'>,
    {
      readUpTo: readBytes,
      findData = () => Promise.resolve([{ start: 0, end: size }]),
      close = () => Promise.resolve(),
    }: {
      readUpTo: (offset: number, length: number) => Promise<Buffer>;
      findData?: () => Promise<Extent[]>;
      close?: () => Promise<void>;
    },
  ) {
    this.path = path;
    this.kind = kind;
    this.size = size;
    this.#readUpTo = readBytes;
    this.#findData = findData;
    this.#close = close;
  }

  /** Exactly `length` bytes. @throws AppError IMAGE_INVALID when they are not all there, saying so of `what` */
  async read(offset: number, length: number, what: string): Promise<Buffer> {
    const bytes = offset + length <= this.size ? await this.#readUpTo(offset, length) : undefined;
    if (bytes?.length !== length) throw this.invalid(`${what} lies past the end of the file`);
    return bytes;
  }

  /** Where data may lie in a range; the rest is holes of the file. */
  async dataIn(offset: number, length: number): Promise<{ offset: number; length: number }[]> {
    this.#extents ??= this.#findData();
    return extentsIn(await this.#extents, offset, length);
  }

  /** The error for an image that is not what it says, or that is not read here. */
  invalid(why: string, cause?: unknown): AppError {
    return new AppError('IMAGE_INVALID', `${this.path} is not a usable ${this.kind} image: ${why}`, { cause });
  }

  /** @throws AppError IMAGE_INVALID when the condition holds */
  refuse(condition: boolean, why: string): void {
    if (condition) throw this.invalid(why);
  }

  close(): Promise<void> {
    return this.#close();
  }
}

/** `size` bytes of an open file from `start` on; closing them closes the file. */
export function bytesIn(path: string, kind: string, file: FileHandle, start: number, size: number): ImageBytes {
  return new ImageBytes(
    { path, kind, size },
    {
      readUpTo: (offset, length) => readUpTo(file, start + offset, length),
      findData: async () => (await dataExtents(path)).map((extent) => ({ start: extent.start - start, end: extent.end - start })),
      close: () => file.close(),
    },
  );
}

/** Opens a file and makes something of its bytes; closes it again when that fails. @throws AppError NOT_FOUND, IMAGE_INVALID */
export async function openWith<T>(path: string, kind: string, read: (image: ImageBytes) => T | Promise<T>): Promise<T> {
  const { file, size } = await openImage(path);
  try {
    return await read(bytesIn(path, kind, file, 0, size));
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A format's `inspect`: the file is closed at the end. */
export function inspecting(
  kind: string,
  inspect: (image: ImageBytes, ctx: StepContext) => Promise<FormatFacts>,
): NonNullable<Format['inspect']> {
  return (path, ctx) =>
    openWith(path, kind, async (image) => {
      const facts = await inspect(image, ctx);
      await image.close();
      return facts;
    });
}
