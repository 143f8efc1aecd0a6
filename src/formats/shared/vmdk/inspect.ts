import { availableParallelism } from 'node:os';
import type { FormatFacts } from '../../../model/format.ts';
import { formatSize } from '../../../model/size.ts';
import type { StepContext } from '../../../model/step.ts';
import { sectorSize } from '../bounds.ts';
import type { ImageBytes } from '../image-bytes.ts';
import { inOrder } from '../in-order.ts';
import { type Entry, entriesOf } from './grain-tables.ts';
import { inflatedGrain, readVmdkFacts, type VmdkFacts } from './read.ts';

/** What a VMDK says of itself. Compressed grains end with a checksum each, and all of them are compared. @throws AppError IMAGE_INVALID */
export async function inspectVmdk(image: ImageBytes, ctx: Pick<StepContext, 'signal' | 'emit'>): Promise<FormatFacts> {
  const facts = await readVmdkFacts(image);
  const { header, descriptor, grains } = facts;
  return {
    facts: {
      subformat: descriptor.createType,
      'content id': descriptor.contentId,
      ...(descriptor.adapterType === '' ? {} : { adapter: descriptor.adapterType }),
      'grain size': formatSize(header.grainSectors * sectorSize),
      grains: `${grains} of ${Math.ceil(header.capacity / header.grainSectors)} in the file`,
    },
    ...(header.isCompressed && { checksums: { kind: 'Adler-32', checked: await checkGrains(image, facts, ctx) } }),
  };
}

async function checkGrains(
  image: ImageBytes,
  { header, directory, grains }: VmdkFacts,
  { signal, emit }: Pick<StepContext, 'signal' | 'emit'>,
): Promise<number> {
  const check = ({ grain, sector }: Entry): Promise<Buffer> => inflatedGrain(image, header, grain, sector);
  let checked = 0;
  for await (const entries of entriesOf(image, header, directory)) {
    for await (const _grain of inOrder(entries, availableParallelism() * 2, check)) {
      signal.throwIfAborted();
      checked += 1;
    }
    emit({ type: 'step.progress', step: 'inspect', done: checked, total: grains, unit: 'items' });
  }
  return checked;
}
