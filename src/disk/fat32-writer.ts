/**
 * Writes small FAT32 file systems, such as an EFI system partition: the same files give the same bytes. Source: Microsoft's
 * FAT specification 1.03. Names must fit 8.3 and are kept in upper case, as the UEFI specification has them.
 */

const sector = 512;
const reservedSectors = 32;
const tables = 2;
/** FAT32 needs at least this many clusters; with fewer, readers take it for FAT16. */
const leastClusters = 65_525;
const endOfChain = 0x0fffffff;

export interface FatFile {
  /** `EFI/BOOT/BOOTX64.EFI` */
  path: string;
  content: Buffer;
}

export interface FatOptions {
  /** Bytes; at least 34 MiB. */
  size: number;
  label: string;
  /** 32-bit volume id. */
  volumeId: number;
  /** Seconds since 1970, for every time stamp. */
  time: number;
  /** Sectors before the partition. */
  hiddenSectors: number;
}

/** The whole file system. */
export function fat32Image(files: FatFile[], options: FatOptions): Buffer {
  const sectors = Math.floor(options.size / sector);
  // One sector a cluster; each table entry has 4 bytes.
  const tableSectors = Math.ceil((sectors - reservedSectors + 2) / (sector / 4 + tables));
  const clusters = sectors - reservedSectors - tables * tableSectors;
  if (clusters < leastClusters) throw new RangeError(`A FAT32 file system of ${options.size} bytes is too small`);
  const image = Buffer.alloc(sectors * sector);
  const table = new Uint32Array(tableSectors * (sector / 4));
  table[0] = 0x0ffffff8;
  table[1] = endOfChain;
  let next = 2;
  const stamp = fatTime(options.time);

  /** Writes bytes into a chain of clusters and returns the first. */
  const store = (bytes: Buffer): number => {
    if (bytes.length === 0) return 0;
    const first = next;
    const count = Math.ceil(bytes.length / sector);
    if (next + count > clusters + 2) throw new RangeError('The files do not fit on the FAT32 file system');
    bytes.copy(image, (reservedSectors + tables * tableSectors + first - 2) * sector);
    for (let index = 0; index < count; index += 1) table[first + index] = index === count - 1 ? endOfChain : first + index + 1;
    next += count;
    return first;
  };

  /** Writes a folder after what is in it; `parent` is patched in later, as a folder's place is known last. */
  const root = tree(files);
  const place = (node: Node, self: number, parent: number): Buffer => {
    const entries: Buffer[] = [];
    if (parent >= 0) entries.push(entry('.', 0x10, self, 0, stamp), entry('..', 0x10, parent, 0, stamp));
    else entries.push(entry(options.label, 0x08, 0, 0, stamp));
    for (const [name, child] of node.children) {
      if (Buffer.isBuffer(child)) entries.push(entry(name, 0x20, store(child), child.length, stamp));
      else {
        const at = next;
        store(Buffer.alloc(Math.max(1, Math.ceil(((child.children.size + 2) * 32) / sector)) * sector));
        place(child, at, parent < 0 ? 0 : self).copy(image, (reservedSectors + tables * tableSectors + at - 2) * sector);
        entries.push(entry(name, 0x10, at, 0, stamp));
      }
    }
    return Buffer.concat(entries);
  };
  const rootSize = Math.ceil(((root.children.size + 1) * 32) / sector) * sector;
  const rootAt = store(Buffer.alloc(rootSize));
  place(root, rootAt, -1).copy(image, (reservedSectors + tables * tableSectors) * sector);

  const boot = bootSector(sectors, tableSectors, options);
  boot.copy(image, 0);
  boot.copy(image, 6 * sector);
  const info = Buffer.alloc(sector);
  info.writeUInt32LE(0x41615252, 0);
  info.writeUInt32LE(0x61417272, 484);
  info.writeUInt32LE(clusters - (next - 2), 488);
  info.writeUInt32LE(next, 492);
  info.writeUInt32LE(0xaa550000, 508);
  info.copy(image, sector);
  info.copy(image, 7 * sector);
  const tableBytes = Buffer.from(table.buffer);
  for (let copy = 0; copy < tables; copy += 1) tableBytes.copy(image, (reservedSectors + copy * tableSectors) * sector);
  return image;
}

interface Node {
  children: Map<string, Node | Buffer>;
}

/** Names of 8 and 3 letters, without those that FAT has a use for. */
const shortName = /^[A-Z0-9!#$%&'()@^_`{}~-]{1,8}(\.[A-Z0-9!#$%&'()@^_`{}~-]{1,3})?$/;

/** @throws RangeError for names that FAT32 cannot hold, and for two things of one name */
function tree(files: FatFile[]): Node {
  const root: Node = { children: new Map() };
  for (const { path, content } of files) {
    const parts = path.toUpperCase().split('/');
    const wrong = parts.find((part) => !shortName.test(part));
    if (wrong !== undefined) throw new RangeError(`"${wrong}" is not a name of 8 and 3 letters`);
    const name = parts.pop() ?? '';
    let node = root;
    for (const part of parts) {
      const child = node.children.get(part) ?? { children: new Map() };
      if (Buffer.isBuffer(child)) throw new RangeError(`The name of ${path} is taken twice`);
      node.children.set(part, child);
      node = child;
    }
    if (node.children.has(name)) throw new RangeError(`The name of ${path} is taken twice`);
    node.children.set(name, content);
  }
  return root;
}

function entry(name: string, attributes: number, cluster: number, size: number, stamp: { date: number; time: number }): Buffer {
  const bytes = Buffer.alloc(32);
  const [stem = '', extension = ''] =
    name === '.' || name === '..' ? [name] : attributes === 0x08 ? [name.slice(0, 8), name.slice(8, 11)] : name.split('.');
  bytes.write(stem.padEnd(8) + extension.padEnd(3), 0, 'latin1');
  bytes[11] = attributes;
  bytes.writeUInt16LE(stamp.time, 14);
  bytes.writeUInt16LE(stamp.date, 16);
  bytes.writeUInt16LE(stamp.date, 18);
  bytes.writeUInt16LE(cluster >>> 16, 20);
  bytes.writeUInt16LE(stamp.time, 22);
  bytes.writeUInt16LE(stamp.date, 24);
  bytes.writeUInt16LE(cluster & 0xffff, 26);
  bytes.writeUInt32LE(size, 28);
  return bytes;
}

function fatTime(seconds: number): { date: number; time: number } {
  const at = new Date(seconds * 1000);
  return {
    date: ((at.getUTCFullYear() - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate(),
    time: (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1),
  };
}

function bootSector(sectors: number, tableSectors: number, options: FatOptions): Buffer {
  const boot = Buffer.alloc(sector);
  boot.set([0xeb, 0x58, 0x90]);
  boot.write('GABARIT ', 3, 'latin1');
  boot.writeUInt16LE(sector, 11);
  boot[13] = 1; // sectors a cluster
  boot.writeUInt16LE(reservedSectors, 14);
  boot[16] = tables;
  boot[21] = 0xf8; // a hard disk
  boot.writeUInt16LE(63, 24);
  boot.writeUInt16LE(255, 26);
  boot.writeUInt32LE(options.hiddenSectors, 28);
  boot.writeUInt32LE(sectors, 32);
  boot.writeUInt32LE(tableSectors, 36);
  boot.writeUInt32LE(2, 44); // root folder's cluster
  boot.writeUInt16LE(1, 48); // where the information sector is
  boot.writeUInt16LE(6, 50); // where the copy of this sector is
  boot[64] = 0x80;
  boot[66] = 0x29;
  boot.writeUInt32LE(options.volumeId >>> 0, 67);
  boot.write(options.label.padEnd(11), 71, 'latin1');
  boot.write('FAT32   ', 82, 'latin1');
  boot.writeUInt16LE(0xaa55, 510);
  return boot;
}
