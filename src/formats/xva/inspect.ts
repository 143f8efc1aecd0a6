import { availableParallelism } from 'node:os';
import type { FormatFacts } from '../../model/format.ts';
import { formatSize } from '../../model/size.ts';
import type { StepContext } from '../../model/step.ts';
import { inOrder } from '../shared/in-order.ts';
import { checksumFiles, openChecksums } from './checksum.ts';
import { readBlock } from './read.ts';
import { scanXva, type XvaIndex } from './scan.ts';
import { openUnpacked } from './spool.ts';

/** Reads a whole XVA and compares the checksum of every block. @throws AppError IMAGE_INVALID */
export async function inspectXva(path: string, { workdir, signal, emit }: StepContext): Promise<FormatFacts> {
  const { file, size, compression } = await openUnpacked(path, workdir);
  try {
    const index = await scanXva({ path, file, size });
    const blocks = index.disks.flatMap((disk) => disk.offsets.map((_, at) => ({ disk, at })));
    const checksums = await openChecksums();
    const check = ({ disk, at }: (typeof blocks)[number]): Promise<Buffer> => readBlock(path, file, disk, at, checksums);
    let checked = 0;
    for await (const block of inOrder(blocks, availableParallelism() * 2, check)) {
      signal.throwIfAborted();
      checked += block.length >= 0 ? 1 : 0;
      if (checked % 64 === 0)
        emit({ type: 'step.progress', step: 'inspect', done: checked, total: blocks.length, unit: 'items' });
    }
    return { facts: factsOf(index, compression), disks: index.disks.length, checksums: { kind: kindsOf(index), checked } };
  } finally {
    await file.close();
  }
}

function kindsOf({ disks }: XvaIndex): string {
  return [...new Set(disks.flatMap(({ kinds }) => kinds))].map((kind) => checksumFiles[kind].title).join(', ');
}

function factsOf({ records, disks }: XvaIndex, compression: string): FormatFacts['facts'] {
  const { vm } = records;
  const empty = disks.reduce((sum, { lengths }) => sum + lengths.filter((length) => length === 0).length, 0);
  return {
    name: vm.name,
    ...(vm.description === '' ? {} : { description: vm.description }),
    template: vm.isTemplate,
    firmware: vm.firmware,
    ...(vm.firmware === 'uefi' ? { 'secure boot': vm.secureBoot } : {}),
    cpus: vm.cpus,
    memory: formatSize(vm.memoryBytes),
    'written by': `${records.product}, xapi ${records.xapiVersion}`,
    compression,
    ...(vm.tags.length > 0 ? { tags: vm.tags.join(', ') } : {}),
    ...(empty > 0 ? { 'keep-alive blocks': empty } : {}),
  };
}
