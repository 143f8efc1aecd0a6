import type { BlockSource } from '../../model/format.ts';
import { checkRange } from './bounds.ts';
import type { ImageBytes } from './image-bytes.ts';

/** The disk whose bytes lie in an image as they are, from its beginning on; holes are those of the file. */
export function plainSource(image: ImageBytes, size: number): BlockSource {
  return {
    size,
    async read(offset, length) {
      checkRange(image.path, size, offset, length);
      return image.read(offset, length, 'some of its data');
    },
    dataIn: (offset, length) => image.dataIn(offset, Math.min(length, size - offset)),
    close: () => image.close(),
  };
}
