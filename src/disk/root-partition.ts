import type { BlockSource } from '../model/format.ts';
import { AppError } from '../util/errors.ts';
import { looksLikeExt4 } from './ext4-layout.ts';
import { type Partition, readPartitions } from './gpt.ts';

const linuxRootX64 = '4f68bce3-e8cd-4db1-96e7-fbcaf984b709';

/** The partition of the root file system: the one of that type, else the largest that holds ext4. @throws AppError IMAGE_INVALID */
export async function findRootPartition(source: BlockSource): Promise<Partition> {
  const partitions = await readPartitions(source);
  const byType = partitions.filter(({ type }) => type === linuxRootX64);
  const candidates = byType.length > 0 ? byType : partitions;
  const found: Partition[] = [];
  for (const partition of candidates) if (await looksLikeExt4(source, partition.offset, partition.size)) found.push(partition);
  const root = found.toSorted((a, b) => b.size - a.size)[0];
  if (!root) throw new AppError('IMAGE_INVALID', 'No partition of the disk holds an ext4 root file system');
  return root;
}
