import type { FormatFacts } from '../../model/format.ts';
import { formatSize } from '../../model/size.ts';
import type { ImageBytes } from '../shared/image-bytes.ts';
import { readHeader } from './read.ts';

/** What a qcow2 file tells of itself; it holds no checksums. Closes the image. @throws AppError IMAGE_INVALID */
export async function inspectQcow2(image: ImageBytes): Promise<FormatFacts> {
  const { version, clusterBits, compression } = await readHeader(image);
  await image.close();
  return { facts: { version, 'cluster size': formatSize(2 ** clusterBits), compression } };
}
