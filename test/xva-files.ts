import { createHash } from 'node:crypto';
import { xxhash64 } from 'hash-wasm';
import { extract, pack } from 'tar-stream';

/** XVA files made and read without the product's own code: by tar-stream and hash-wasm, from what XAPI's sources say. */

export const blockSize = 2 ** 20;

/** A block of a disk; `index` is the number in its name. */
export interface ForeignBlock {
  disk?: string;
  index: number;
  bytes: Buffer;
  checksum?: string;
  kind?: 'xxhash' | 'sha1' | 'none';
}

export interface ForeignXva {
  /** Virtual sizes by id. */
  disks?: Record<string, number>;
  blocks: ForeignBlock[];
  /** Instead of `ova.xml`. */
  firstName?: string;
  xml?: string;
  exportVersion?: number;
}

export async function checksumOf(kind: 'xxhash' | 'sha1', bytes: Uint8Array): Promise<string> {
  return kind === 'sha1' ? createHash('sha1').update(bytes).digest('hex') : (await xxhash64(bytes)).toUpperCase();
}

/** The smallest description that names these disks, spread over lines as some tools write it. */
export function foreignXml(disks: Record<string, number>, exportVersion = 2): string {
  const member = (name: string, value: string): string =>
    `<member>\n  <name>${name}</name>\n  <value>${value}</value>\n</member>`;
  const struct = (...members: string[]): string => `<struct>${members.join('\n')}</struct>`;
  const object = (kind: string, id: string, ...fields: string[]): string =>
    `<value>${struct(member('class', kind), member('id', id), member('snapshot', struct(...fields)))}</value>`;
  const ids = Object.keys(disks);
  const objects = [
    object(
      'VM',
      'Ref:0',
      member('name_label', 'from a host'),
      member('is_a_template', '<boolean>0</boolean>'),
      member('VCPUs_at_startup', '4'),
    ),
    ...ids.map((id, at) =>
      object(
        'VBD',
        `Ref:9${at}`,
        member('type', 'Disk'),
        member('VDI', id),
        member('VM', 'Ref:0'),
        member('userdevice', String(at)),
      ),
    ),
    object(
      'VBD',
      'Ref:99',
      member('type', 'CD'),
      member('VDI', 'OpaqueRef:NULL'),
      member('VM', 'Ref:0'),
      member('userdevice', '3'),
    ),
    ...ids.map((id) => object('VDI', id, member('virtual_size', String(disks[id])))),
  ];
  const version = struct(
    member('hostname', 'host'),
    member('product_brand', 'XenServer'),
    member('product_version', '8.4.0'),
    member('xapi_major', '1'),
    member('xapi_minor', '20'),
    member('export_vsn', String(exportVersion)),
  );
  const list = `<array><data>${objects.join('\n')}</data></array>`;
  return `<?xml version="1.0"?>\n<value>${struct(member('version', version), member('objects', list))}</value>\n`;
}

/** The bytes of an XVA as a host might have exported it, or with faults. */
export async function foreignXva({ disks = {}, blocks, firstName = 'ova.xml', xml, exportVersion }: ForeignXva): Promise<Buffer> {
  const tar = pack();
  const add = (name: string, content: Buffer | string): void => void tar.entry({ name }, content);
  add(firstName, xml ?? foreignXml(disks, exportVersion));
  for (const { disk = 'Ref:5', index, bytes, checksum, kind = 'xxhash' } of blocks) {
    const name = `${disk}/${String(index).padStart(8, '0')}`;
    add(name, bytes);
    if (kind !== 'none') add(`${name}${kind === 'sha1' ? '.checksum' : '.xxhash'}`, checksum ?? (await checksumOf(kind, bytes)));
  }
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

/** What is in a tar file, in order. */
export async function tarEntries(bytes: Buffer): Promise<{ name: string; content: Buffer }[]> {
  const reader = extract();
  reader.end(bytes);
  const found: { name: string; content: Buffer }[] = [];
  for await (const entry of reader) {
    const parts: Buffer[] = [];
    for await (const part of entry) parts.push(part as Buffer);
    found.push({ name: entry.header.name, content: Buffer.concat(parts) });
  }
  return found;
}

/** The disks in a file as a host would take them: sorted by id, blocks in order, each with its checksum. @throws Error as a host would */
export async function importXva(bytes: Buffer, sizes: Record<string, number>): Promise<Record<string, Buffer>> {
  const [first, ...entries] = await tarEntries(bytes);
  if (first?.name !== 'ova.xml') throw new Error('ova.xml is not first');
  const disks: Record<string, Buffer> = {};
  let chunk = 0;
  for (const id of Object.keys(sizes).toSorted()) {
    const size = sizes[id] ?? 0;
    const disk = Buffer.alloc(size);
    let last = -1;
    for (let offset = 0; offset < size; ) {
      const [block, sum] = entries.splice(0, 2);
      if (!block || !sum || !block.name.startsWith(`${id}/`)) throw new Error(`expected a block of ${id}, not ${block?.name}`);
      chunk ||= block.content.length;
      const index = Number(block.name.slice(id.length + 1));
      if (!(index > last)) throw new Error(`${block.name} after ${last}`);
      offset += (index - last - 1) * chunk;
      block.content.copy(disk, offset);
      offset += block.content.length;
      const kind = sum.name === `${block.name}.xxhash` ? 'xxhash' : sum.name === `${block.name}.checksum` ? 'sha1' : undefined;
      if (!kind || (await checksumOf(kind, block.content)) !== sum.content.toString())
        throw new Error(`checksum of ${block.name}`);
      last = index;
    }
    disks[id] = disk;
  }
  if (entries.length > 0) throw new Error(`${entries[0]?.name} is too much`);
  return disks;
}
