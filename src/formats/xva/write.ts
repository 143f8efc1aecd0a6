import { type FileHandle, open } from 'node:fs/promises';
import { blocksOf, dataExtents } from '../../disk/extents.ts';
import type { Built } from '../../model/engine.ts';
import type { StepContext } from '../../model/step.ts';
import type { VmDescription } from '../../model/vm-description.ts';
import { writeAll } from '../shared/append-file.ts';
import { inLanes } from '../shared/lanes.ts';
import { reportProgress } from '../shared/progress.ts';
import { readPadded } from '../shared/read-exactly.ts';
import { tarBlock, tarEnd } from '../shared/tar.ts';
import { blockSize, isZero, mustStay } from './blocks.ts';
import type { ChecksumKind } from './checksum.ts';
import { openFrames, recordSize } from './record.ts';
import { describeDisks } from './stream.ts';

/**
 * Writes the one disk of a machine as an XVA. Each block is read to where it lies in its record, so that a record goes out in one
 * piece; blocks that are all zeros are left out on the way.
 */
export async function writeXva(
  { disk }: Pick<Built, 'disk'>,
  size: number,
  file: FileHandle,
  checksum: ChecksumKind,
  ctx: Pick<StepContext, 'signal' | 'emit'>,
  vm: VmDescription,
): Promise<void> {
  const data = await dataExtents(disk, ctx.signal);
  const indexes = [...new Set([0, ...blocksOf(data, blockSize), size / blockSize - 1])];
  const { ids, xml } = describeDisks(vm, [{ size, indexes }]);
  const frame = await openFrames(checksum, vm.time);
  const length = recordSize(checksum);
  const dataIn = (record: Buffer): Buffer => record.subarray(tarBlock, tarBlock + blockSize);
  await using source = await open(disk, 'r');
  let end = xml.length;
  let done = 0;
  await writeAll(file, xml, 0);
  await inLanes(
    indexes,
    length,
    {
      read: (index, record) => readPadded(source, dataIn(record), index * blockSize),
      place(index, record) {
        if (!mustStay(index, size) && isZero(dataIn(record))) return undefined;
        end += length;
        return end - length;
      },
      async write(index, record, position) {
        if (position !== undefined) {
          const { head, tail } = frame(ids[0] ?? '', index, dataIn(record));
          record.set(head, 0);
          record.set(tail, tarBlock + blockSize);
          await writeAll(file, record, position);
        }
        done += 1;
        reportProgress(ctx, done * blockSize, indexes.length * blockSize);
      },
    },
    ctx.signal,
  );
  await writeAll(file, tarEnd, end);
}
