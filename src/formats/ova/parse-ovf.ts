import { XMLParser } from 'fast-xml-parser';
import { z } from 'zod';
import { AppError } from '../../util/errors.ts';
import { invalidOva } from './invalid.ts';

/** What an OVF descriptor tells of the machine; of a package with several machines, of the first. */
export interface OvfDescription {
  name: string;
  version: string;
  cpus: number;
  memoryMiB: number;
  firmware: string;
  secureBoot: boolean;
  /** `vmx-13` */
  hardware: string;
  os: string;
  networks: string[];
  /** The files of disks that have one. */
  disks: { href: string; compression: string }[];
}

const text = z.union([z.string(), z.object({ '#text': z.string() }).transform((value) => value['#text'])]).default('');
const list = <T extends z.ZodType>(item: T): z.ZodDefault<z.ZodArray<T>> => z.array(item).default([]);
const envelope = z.object({
  References: z
    .union([
      z.literal(''),
      z.object({ File: list(z.object({ id: z.string(), href: z.string(), compression: z.string().default('') })) }),
    ])
    .optional(),
  DiskSection: z
    .union([z.literal(''), z.object({ Disk: list(z.object({ diskId: z.string(), fileRef: z.string().optional() })) })])
    .optional(),
  NetworkSection: z.object({ Network: list(z.object({ name: z.string() })) }).optional(),
});
const system = z.object({
  Name: text,
  id: z.string().default(''),
  ProductSection: list(z.object({ Version: text })),
  OperatingSystemSection: z.object({ Description: text, osType: z.string().default('') }).optional(),
  VirtualHardwareSection: list(
    z.object({
      System: z.object({ VirtualSystemType: text }).optional(),
      Item: list(z.object({ ResourceType: text, VirtualQuantity: text, AllocationUnits: text })),
      Config: list(z.object({ key: z.string().default(''), value: z.string().default('') })),
    }),
  ),
});
const lists = new Set([
  'File',
  'Disk',
  'Network',
  'ProductSection',
  'VirtualHardwareSection',
  'Item',
  'Config',
  'VirtualSystem',
  'VirtualSystemCollection',
]);

/** @throws AppError IMAGE_INVALID */
export function parseOvf(path: string, source: string): OvfDescription {
  // Nobody needs them here, and they make small files large.
  if (source.includes('<!DOCTYPE')) throw invalidOva(path, 'its descriptor defines entities');
  try {
    const parser = new XMLParser({
      ignoreAttributes: false,
      attributeNamePrefix: '',
      removeNSPrefix: true,
      parseTagValue: false,
      parseAttributeValue: false,
      isArray: (name, _path, _isLeaf, isAttribute) => !isAttribute && lists.has(name),
    });
    const root = (parser.parse(source, true) as { Envelope?: Record<string, unknown> }).Envelope;
    if (root === undefined) throw invalidOva(path, 'its descriptor is not an OVF envelope');
    return describe(envelope.parse(root), system.parse(findSystem(root) ?? {}));
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (error instanceof z.ZodError) {
      const [first] = error.issues;
      throw invalidOva(
        path,
        `its descriptor is not as it should be: ${first?.path.join('.') ?? ''} ${first?.message ?? ''}`,
        error,
      );
    }
    throw invalidOva(path, 'its descriptor cannot be read', error);
  }
}

/** The first machine, which may lie in a collection. */
function findSystem(node: Record<string, unknown>): unknown {
  const systems = node['VirtualSystem'] as unknown[] | undefined;
  if (systems?.[0] !== undefined) return systems[0];
  const collections = (node['VirtualSystemCollection'] ?? []) as Record<string, unknown>[];
  return collections.map((collection) => (typeof collection === 'object' ? findSystem(collection) : undefined)).find(Boolean);
}

function describe(root: z.output<typeof envelope>, machine: z.output<typeof system>): OvfDescription {
  const files = root.References ? root.References.File : [];
  const disks = root.DiskSection ? root.DiskSection.Disk : [];
  const hardware = machine.VirtualHardwareSection[0];
  const item = (type: string): { VirtualQuantity: string; AllocationUnits: string } | undefined =>
    hardware?.Item.find(({ ResourceType }) => ResourceType === type);
  const setting = (key: string): string | undefined => hardware?.Config.find((config) => config.key === key)?.value;
  const memory = item('4');
  return {
    name: machine.Name === '' ? machine.id : machine.Name,
    version: machine.ProductSection[0]?.Version ?? '',
    cpus: Number(item('3')?.VirtualQuantity ?? 0) || 0,
    memoryMiB: (Number(memory?.VirtualQuantity ?? 0) * unitOf(memory?.AllocationUnits ?? '')) / 2 ** 20 || 0,
    firmware: setting('firmware') ?? 'bios',
    secureBoot: setting('bootOptions.efiSecureBootEnabled') === 'true',
    hardware: hardware?.System?.VirtualSystemType ?? '',
    os: machine.OperatingSystemSection?.Description || (machine.OperatingSystemSection?.osType ?? ''),
    networks: root.NetworkSection?.Network.map(({ name }) => name) ?? [],
    disks: disks.flatMap(({ fileRef }) => files.find(({ id }) => id === fileRef) ?? []),
  };
}

/** `byte * 2^20`, and the words of old. */
function unitOf(units: string): number {
  const power = /^byte \* 2\^(\d{1,2})$/.exec(units.trim())?.[1];
  if (power !== undefined) return 2 ** Number(power);
  return { KiloBytes: 2 ** 10, GigaBytes: 2 ** 30 }[units] ?? 2 ** 20;
}
