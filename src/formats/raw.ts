import { open } from 'node:fs/promises';
import type { Built } from '../model/engine.ts';
import type { Format } from '../model/format.ts';
import type { StepContext } from '../model/step.ts';
import { describeText } from '../util/describe-text.ts';
import { toAppError } from '../util/errors.ts';
import { diskSize } from './shared/bounds.ts';
import { copyUnits, unitSize } from './shared/copy-units.ts';
import { openWith } from './shared/image-bytes.ts';
import { plainSource } from './shared/plain-source.ts';

/** The disk's bytes as they are, in a sparse file. Nothing says of such a file what it is: it is asked last whether it is one. */
export const raw: Format = {
  id: 'raw',
  extension: 'raw',
  mediaType: 'application/octet-stream',
  requires: [],
  write,
  open: (path) => openWith(path, 'raw', (image) => plainSource(image, image.size)),
  recognizes: ({ size, head }) => size > 0 && describeText(head) === undefined,
  inspect: () => Promise.resolve({ facts: {} }),
};

async function write(built: Built, path: string, ctx: StepContext): Promise<void> {
  try {
    const size = await diskSize(built);
    await using target = await open(path, 'w');
    await copyUnits(built, target, ctx, (unit) => unit * unitSize);
    await target.truncate(size);
  } catch (error) {
    throw toAppError(error, 'BUILD_FAILED', `Writing ${path} as raw`);
  }
}
