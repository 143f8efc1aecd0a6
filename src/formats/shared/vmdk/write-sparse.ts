import { type FileHandle, open } from 'node:fs/promises';
import type { Built } from '../../../model/engine.ts';
import type { StepContext } from '../../../model/step.ts';
import type { VmDescription } from '../../../model/vm-description.ts';
import { toAppError } from '../../../util/errors.ts';
import { writeAll } from '../append-file.ts';
import { diskSize, sectorSize } from '../bounds.ts';
import { copyUnits, unitSize } from '../copy-units.ts';
import { Fingerprint } from '../fingerprint.ts';
import { contentIdOf, descriptorSectors, encodeDescriptor } from './descriptor.ts';
import { encodeHeader, tableEntries, tablesOf, tableSize } from './header.ts';
import { sectorAt } from './sector-at.ts';

/** Grains are the units that are copied. */
const grainSectors = unitSize / sectorSize;
const tableSectors = tableSize / sectorSize;

/** Writes a monolithicSparse VMDK, as VMware Workstation and QEMU use it in place: header, descriptor, all tables twice, grains. */
export async function writeSparseVmdk(built: Built, path: string, ctx: StepContext, vm: VmDescription): Promise<void> {
  try {
    const size = await diskSize(built, unitSize);
    const print = new Fingerprint(vm);
    await using file = await open(path, 'w');
    const layout = layoutOf(size);
    const tables = new Map<number, Buffer>();
    let end = layout.overhead * sectorSize;
    await copyUnits(built, file, ctx, (grain, bytes) => {
      print.add(grain, bytes);
      const position = end;
      const table = Math.floor(grain / tableEntries);
      const entries = tables.get(table) ?? Buffer.alloc(tableSize);
      entries.writeUInt32LE(sectorAt(position), (grain % tableEntries) * 4);
      tables.set(table, entries);
      end += unitSize;
      return position;
    });
    await writeTables(file, layout, tables);
    const contentId = contentIdOf(print);
    const { capacity } = layout;
    const descriptor = encodeDescriptor({ createType: 'monolithicSparse', contentId, sectors: capacity }, 'disk.sparse.vmdk');
    await writeAll(file, encodeHeader(layout), 0);
    await writeAll(file, Buffer.from(descriptor), layout.descriptorOffset * sectorSize);
    // The tables of a disk that is all zeros are holes; the file must have their length all the same.
    await file.truncate(end);
  } catch (error) {
    throw toAppError(error, 'BUILD_FAILED', `Writing ${path} as VMDK`);
  }
}

type Layout = ReturnType<typeof layoutOf>;

/** Where everything lies, in sectors: each directory with the tables behind it. */
function layoutOf(size: number) {
  const capacity = size / sectorSize;
  const count = tablesOf({ capacity, grainSectors });
  const directorySectors = Math.ceil((count * 4) / sectorSize);
  const redundantOffset = 1 + descriptorSectors;
  const directoryOffset = redundantOffset + directorySectors + count * tableSectors;
  const tablesEnd = directoryOffset + directorySectors + count * tableSectors;
  return {
    capacity,
    grainSectors,
    descriptorOffset: 1,
    descriptorSectors,
    redundantOffset,
    directoryOffset,
    overhead: Math.ceil(tablesEnd / grainSectors) * grainSectors,
    isCompressed: false,
    count,
    directorySectors,
  };
}

/** Writes both directories, and twice each table that has an entry. */
async function writeTables(file: FileHandle, layout: Layout, tables: Map<number, Buffer>): Promise<void> {
  const { redundantOffset, directoryOffset, directorySectors, count } = layout;
  for (const offset of [redundantOffset, directoryOffset]) {
    const firstTable = offset + directorySectors;
    const directory = Buffer.alloc(directorySectors * sectorSize);
    for (let table = 0; table < count; table += 1) {
      const sector = firstTable + table * tableSectors;
      directory.writeUInt32LE(sector, table * 4);
      const entries = tables.get(table);
      if (entries) await writeAll(file, entries, sector * sectorSize);
    }
    await writeAll(file, directory, offset * sectorSize);
  }
}
