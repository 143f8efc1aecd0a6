/**
 * A small ISO 9660 image: one folder, a few files, for seeds. Linux shows names in lower case and without the version, so
 * neither Rock Ridge nor Joliet is needed; they may be longer than the 8.3 of old (level 2).
 */

const sector = 2048;
/** 16 sectors for the system, the volume descriptor, its end mark, two path tables, the folder. */
const firstFile = 21;
const [pathTableLittle, pathTableBig, rootFolder] = [18, 19, 20];

function bothEndian32(buffer: Buffer, value: number, offset: number): void {
  buffer.writeUInt32LE(value, offset);
  buffer.writeUInt32BE(value, offset + 4);
}

function bothEndian16(buffer: Buffer, value: number, offset: number): void {
  buffer.writeUInt16LE(value, offset);
  buffer.writeUInt16BE(value, offset + 2);
}

function folderRecord(name: Buffer, place: number, size: number, isFolder: boolean): Buffer {
  const record = Buffer.alloc(33 + name.length + (name.length % 2 === 0 ? 1 : 0));
  record[0] = record.length;
  bothEndian32(record, place, 2);
  bothEndian32(record, size, 10);
  // 1 January 2000, as days and months begin at 1.
  record.set([100, 1, 1, 0, 0, 0, 0], 18);
  record[25] = isFolder ? 2 : 0;
  bothEndian16(record, 1, 28);
  record[32] = name.length;
  name.copy(record, 33);
  return record;
}

function volumeDescriptor(label: string, sectors: number): Buffer {
  const volume = Buffer.alloc(sector);
  volume[0] = 1;
  volume.write('CD001\x01', 1, 'latin1');
  volume.fill(' ', 8, 72, 'latin1');
  volume.write(label, 40, 'latin1');
  bothEndian32(volume, sectors, 80);
  bothEndian16(volume, 1, 120);
  bothEndian16(volume, 1, 124);
  bothEndian16(volume, sector, 128);
  bothEndian32(volume, 10, 132);
  volume.writeUInt32LE(pathTableLittle, 140);
  volume.writeUInt32BE(pathTableBig, 148);
  folderRecord(Buffer.from([0]), rootFolder, sector, true).copy(volume, 156);
  volume.fill(' ', 190, 813, 'latin1');
  for (const offset of [813, 830, 847, 864]) volume.fill('0', offset, offset + 16, 'latin1');
  volume[881] = 1;
  return volume;
}

function pathTable(bigEndian: boolean): Buffer {
  const table = Buffer.alloc(sector);
  table[0] = 1;
  if (bigEndian) table.writeUInt32BE(rootFolder, 2);
  else table.writeUInt32LE(rootFolder, 2);
  if (bigEndian) table.writeUInt16BE(1, 6);
  else table.writeUInt16LE(1, 6);
  return table;
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((sector - (bytes.length % sector)) % sector)]);
}

/** The bytes of an image with these files (names in lower case). @throws RangeError when their names do not fit into one sector */
export function iso9660(label: string, files: Record<string, string>): Buffer {
  const names = Object.keys(files).toSorted();
  let place = firstFile;
  const records = [
    folderRecord(Buffer.from([0]), rootFolder, sector, true),
    folderRecord(Buffer.from([1]), rootFolder, sector, true),
  ];
  const contents: Buffer[] = [];
  for (const name of names) {
    const content = Buffer.from(files[name] ?? '');
    records.push(folderRecord(Buffer.from(`${name.toUpperCase()};1`, 'latin1'), place, content.length, false));
    contents.push(padded(content));
    place += Math.ceil(content.length / sector);
  }
  const folder = Buffer.concat(records);
  if (folder.length > sector) throw new RangeError('Too many files for one sector of names');
  const end = Buffer.alloc(sector);
  end.write('\xffCD001\x01', 0, 'latin1');
  return Buffer.concat([
    Buffer.alloc(16 * sector),
    volumeDescriptor(label, place),
    end,
    pathTable(false),
    pathTable(true),
    padded(folder),
    ...contents,
  ]);
}
