import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { invalidXva } from './invalid.ts';

/** What `ova.xml` tells of the machine and its disks. */
export interface XvaRecords {
  exportVersion: number;
  /** `1.20` */
  xapiVersion: string;
  product: string;
  vm: XvaVm;
  /** The disks with content in the file, the boot disk first. */
  disks: { id: string; size: number }[];
}

export interface XvaVm {
  name: string;
  description: string;
  isTemplate: boolean;
  firmware: string;
  secureBoot: boolean;
  cpus: number;
  memoryBytes: number;
  tags: string[];
  otherConfig: Record<string, string>;
}

type Decoded = string | Decoded[] | { [name: string]: Decoded };

const maxDepth = 20;

/** A `<value>` of XML-RPC as plain text, lists and maps. */
function decode(value: unknown, depth = 0): Decoded {
  if (depth > maxDepth) throw new RangeError('values lie too deep');
  if (typeof value === 'string') return value;
  if (value === null || typeof value !== 'object') return '';
  if ('struct' in value) {
    const members = (value.struct as { member?: { name?: unknown; value?: unknown[] }[] } | '') || {};
    return Object.fromEntries(
      (members.member ?? []).map(({ name, value: inner }) => [String(name), decode(inner?.[0], depth + 1)]),
    );
  }
  if ('array' in value) {
    const data = (value.array as { data?: { value?: unknown[] } | '' } | '') || {};
    return ((data.data || {}).value ?? []).map((item) => decode(item, depth + 1));
  }
  const [inner] = Object.values(value) as unknown[];
  return typeof inner === 'string' ? inner : '';
}

const flag = z.enum(['0', '1']).transform((text) => text === '1');
const number = z
  .string()
  .regex(/^\d{1,16}$/, 'is not a number')
  .transform(Number);
const map = z.record(z.string(), z.string());
const document = z.object({
  version: z.object({
    export_vsn: number.default(0),
    xapi_major: number,
    xapi_minor: number,
    product_brand: z.string().default(''),
    product_version: z.string().default(''),
  }),
  objects: z.array(z.object({ class: z.string(), id: z.string(), snapshot: z.record(z.string(), z.unknown()) })),
});
const vmSchema = z.object({
  name_label: z.string(),
  name_description: z.string().default(''),
  is_a_template: flag.default(false),
  is_a_snapshot: flag.default(false),
  HVM_boot_params: map.default({}),
  platform: map.default({}),
  VCPUs_at_startup: number.default(0),
  memory_static_max: number.default(0),
  tags: z.array(z.string()).default([]),
  other_config: map.default({}),
});
const vbdSchema = z.object({ type: z.string(), VDI: z.string(), VM: z.string(), userdevice: z.string().default('0') });
const vdiSchema = z.object({ virtual_size: number });

/** @throws AppError IMAGE_INVALID */
export function parseOvaXml(path: string, bytes: Buffer): XvaRecords {
  const source = bytes.toString('utf8');
  // Nobody needs them here, and they make small files large.
  if (source.includes('<!DOCTYPE')) throw invalidXva(path, 'its ova.xml defines entities');
  try {
    const parser = new XMLParser({
      ignoreAttributes: true,
      parseTagValue: false,
      isArray: (name) => name === 'value' || name === 'member',
    });
    const values = (parser.parse(source, true) as { value?: unknown[] }).value;
    return recordsOf(path, document.parse(decode(values?.[0])));
  } catch (error) {
    if (error instanceof z.ZodError) {
      const [first] = error.issues;
      throw invalidXva(path, `its ova.xml is not as it should be: ${first?.path.join('.') ?? ''} ${first?.message ?? ''}`, error);
    }
    if (error instanceof Error && error.name === 'AppError') throw error;
    throw invalidXva(path, 'its ova.xml cannot be read', error);
  }
}

function recordsOf(path: string, { version, objects }: z.output<typeof document>): XvaRecords {
  const ofClass = <T>(name: string, schema: z.ZodType<T>): { id: string; record: T }[] =>
    objects.filter((object) => object.class === name).map(({ id, snapshot }) => ({ id, record: schema.parse(snapshot) }));
  const vms = ofClass('VM', vmSchema);
  const vm = vms.find(({ record }) => !record.is_a_snapshot) ?? vms[0];
  if (!vm) throw invalidXva(path, 'its ova.xml names no VM');
  const sizes = new Map(ofClass('VDI', vdiSchema).map(({ id, record }) => [id, record.virtual_size]));
  const vbds = ofClass('VBD', vbdSchema)
    .filter(({ record }) => record.type !== 'CD' && sizes.has(record.VDI))
    .toSorted((a, b) => Number(b.record.VM === vm.id) - Number(a.record.VM === vm.id) || placeOf(a.record) - placeOf(b.record));
  const disks = [...new Set(vbds.map(({ record }) => record.VDI))].map((id) => ({ id, size: sizes.get(id) ?? 0 }));
  const { record } = vm;
  return {
    exportVersion: version.export_vsn,
    xapiVersion: `${version.xapi_major}.${version.xapi_minor}`,
    product: `${version.product_brand} ${version.product_version}`.trim(),
    vm: {
      name: record.name_label,
      description: record.name_description,
      isTemplate: record.is_a_template,
      firmware: record.HVM_boot_params['firmware'] ?? 'bios',
      secureBoot: record.platform['secureboot'] === 'true',
      cpus: record.VCPUs_at_startup,
      memoryBytes: record.memory_static_max,
      tags: record.tags,
      otherConfig: record.other_config,
    },
    disks,
  };
}

/** Positions of disks are numbers, or names such as `hda` in old exports. */
function placeOf({ userdevice }: { userdevice: string }): number {
  const digits = Number(userdevice);
  return Number.isFinite(digits) ? digits : (userdevice.codePointAt(userdevice.length - 1) ?? 0);
}
