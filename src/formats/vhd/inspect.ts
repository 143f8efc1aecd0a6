import type { FormatFacts } from '../../model/format.ts';
import { formatSize } from '../../model/size.ts';
import type { ImageBytes } from '../shared/image-bytes.ts';
import { noBlock } from './header.ts';
import { readVhdFacts } from './read.ts';

/** What a VHD says of itself. Its checksums are those of footers and header; its data has none. @throws AppError IMAGE_INVALID */
export async function inspectVhd(image: ImageBytes): Promise<FormatFacts> {
  const { footer, dynamic } = await readVhdFacts(image);
  const { type, creator, time, uuid } = footer;
  return {
    facts: {
      subformat: type,
      creator,
      created: new Date(time * 1000).toISOString(),
      id: uuid.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
      ...(dynamic && {
        'block size': formatSize(dynamic.header.blockSize),
        blocks: `${dynamic.blocks.filter((sector) => sector !== noBlock).length} of ${dynamic.blocks.length} in the file`,
      }),
    },
    checksums: { kind: 'sums of footer and header', checked: dynamic ? 3 : 1 },
  };
}
