import { createHash } from 'node:crypto';
import { classes, nullRef } from './classes.ts';
import type { FakeRecord } from './database.ts';
import { xxhash } from './import-xva.ts';
import { paddingOf, tarHeader } from './tar.ts';
import { writeXmlValue } from './xml.ts';

export interface SampleOptions {
  name?: string;
  /** What each disk contains; its length is a multiple of 1 MiB. */
  disks?: Buffer[];
  version?: [number, number];
  checksum?: 'xxhash' | 'sha1';
  otherConfig?: Record<string, string>;
  /** The name of the VIF's network; none: no VIF. */
  network?: string;
  /** Changes the archive's files before they are put together. */
  change?: (files: SampleFile[]) => SampleFile[];
}

export interface SampleFile {
  name: string;
  bytes: Buffer;
}

const blockSize = 1024 * 1024;

function defaults(name: string): FakeRecord {
  const entries = Object.entries(classes[name] ?? {}).map(([field, { initial }]) => [field, structuredClone(initial)]);
  return { ...Object.fromEntries(entries), uuid: '00000000-0000-4000-8000-000000000001' } as FakeRecord;
}

/** A small XVA, made in memory for tests: not by the product's writer, so that both are tested apart. */
export async function sampleXva(options: SampleOptions = {}): Promise<Buffer> {
  const { name = 'sample', disks = [sampleDisk(3)], version = [1, 20], checksum = 'xxhash', change = (files) => files } = options;
  const ids = disks.map((_, index) => `Ref:${String(10 + index * 2).padStart(4, '0')}`);
  const objects = [
    { class: 'SR', id: 'Ref:0001', snapshot: { ...defaults('SR'), name_label: 'elsewhere' } },
    {
      class: 'VM',
      id: 'Ref:0002',
      snapshot: {
        ...defaults('VM'),
        name_label: name,
        memory_static_max: String(1024 ** 3),
        HVM_boot_policy: 'BIOS order',
        HVM_boot_params: { order: 'cd', firmware: 'bios' },
        domain_type: 'hvm',
        other_config: options.otherConfig ?? {},
      },
    },
    ...disks.flatMap((disk, index) => [
      {
        class: 'VDI',
        id: ids[index] ?? '',
        snapshot: { ...defaults('VDI'), name_label: `${name} ${index}`, SR: 'Ref:0001', virtual_size: String(disk.length) },
      },
      {
        class: 'VBD',
        id: `Ref:${String(11 + index * 2).padStart(4, '0')}`,
        snapshot: {
          ...defaults('VBD'),
          VM: 'Ref:0002',
          VDI: ids[index] ?? nullRef,
          userdevice: String(index),
          bootable: index === 0,
        },
      },
    ]),
    ...(options.network === undefined
      ? []
      : [
          {
            class: 'network',
            id: 'Ref:0900',
            snapshot: { ...defaults('network'), name_label: options.network, bridge: 'xenbr9' },
          },
          { class: 'VIF', id: 'Ref:0901', snapshot: { ...defaults('VIF'), VM: 'Ref:0002', network: 'Ref:0900', device: '0' } },
        ]),
  ];
  const about = { hostname: 'h', date: '2026-01-01', product_version: '8.2.1', product_brand: 'XCP-ng', build_number: 'test' };
  const numbers = { xapi_major: String(version[0]), xapi_minor: String(version[1]), export_vsn: '2' };
  const files: SampleFile[] = [
    { name: 'ova.xml', bytes: Buffer.from(writeXmlValue({ version: { ...about, ...numbers }, objects })) },
  ];
  for (const [index, disk] of disks.entries()) {
    for (let at = 0; at < disk.length; at += blockSize) {
      const bytes = disk.subarray(at, at + blockSize);
      const isEdge = at === 0 || at + blockSize >= disk.length;
      if (!isEdge && bytes.every((byte) => byte === 0)) continue;
      const file = `${ids[index]}/${String(at / blockSize).padStart(8, '0')}`;
      const sum = checksum === 'xxhash' ? await xxhash(bytes) : createHash('sha1').update(bytes).digest('hex');
      files.push(
        { name: file, bytes },
        { name: `${file}.${checksum === 'xxhash' ? 'xxhash' : 'checksum'}`, bytes: Buffer.from(sum) },
      );
    }
  }
  const parts = change(files).flatMap(({ name: file, bytes }) => [
    tarHeader({ name: file, size: bytes.length }),
    bytes,
    Buffer.alloc(paddingOf(bytes.length)),
  ]);
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** A disk with something in its first and last MiB, and holes between. */
export function sampleDisk(sizeMiB: number): Buffer {
  const disk = Buffer.alloc(sizeMiB * blockSize);
  disk.write('the first sector', 0);
  disk.fill(0xa5, (sizeMiB - 1) * blockSize + 7, (sizeMiB - 1) * blockSize + 4096);
  return disk;
}
