import type { FileHandle } from 'node:fs/promises';
import { describeText } from '../../util/describe-text.ts';
import { readUpTo } from '../shared/read-exactly.ts';
import { parseTarHeader, tarBlock, type TarEntry, tarPadded } from '../shared/tar.ts';
import { invalidOva } from './invalid.ts';
import { type OvfDescription, parseOvf } from './parse-ovf.ts';

/** Files in a package; it has one for each disk, and two or three more. */
const maxFiles = 500;
const maxTextSize = 4 * 2 ** 20;

export interface PackageFile extends TarEntry {
  /** Where its content lies in the package. */
  position: number;
}

export interface OvaPackage {
  files: Map<string, PackageFile>;
  descriptorName: string;
  description: OvfDescription;
  /** The files of the disks that have one, in the descriptor's order. */
  disks: PackageFile[];
}

/** Reads what is in a package, and its descriptor. @throws AppError IMAGE_INVALID */
export async function readPackage(path: string, file: FileHandle, size: number): Promise<OvaPackage> {
  const files = await listFiles(path, file, size);
  const [descriptor] = files.values();
  if (!descriptor) throw invalidOva(path, 'it is empty');
  const description = parseOvf(path, await readText(path, file, descriptor));
  const disks = description.disks.map(({ href, compression }) => {
    const found = files.get(href);
    if (!found) throw invalidOva(path, `its descriptor names "${href}", which is not in it`);
    if (compression !== '' && compression !== 'identity')
      throw invalidOva(path, `disk ${href} is packed with ${compression}, which is not read here`);
    return found;
  });
  return { files, descriptorName: descriptor.name, description, disks };
}

async function listFiles(path: string, file: FileHandle, size: number): Promise<Map<string, PackageFile>> {
  const files = new Map<string, PackageFile>();
  for (let position = 0; position < size; ) {
    const header = await readUpTo(file, position, tarBlock);
    const entry = parseTarHeader(header);
    if (entry === 'end') break;
    if ('fault' in entry) {
      const text = position === 0 ? describeText(header) : undefined;
      throw invalidOva(path, text === undefined ? `the header at byte ${position} ${entry.fault}` : `it is ${text}`);
    }
    if (position === 0 && !entry.name.toLowerCase().endsWith('.ovf'))
      throw invalidOva(path, `it begins with "${entry.name}", not with a descriptor (.ovf)`);
    const start = position + tarBlock;
    if (start + entry.size > size) throw invalidOva(path, `it is cut off inside ${entry.name}`);
    if (files.has(entry.name)) throw invalidOva(path, `it holds ${entry.name} twice`);
    if (files.size >= maxFiles) throw invalidOva(path, `it holds more than ${maxFiles} files`);
    files.set(entry.name, { ...entry, position: start });
    position = start + tarPadded(entry.size);
  }
  return files;
}

export async function readText(path: string, file: FileHandle, { name, size, position }: PackageFile): Promise<string> {
  if (size > maxTextSize) throw invalidOva(path, `${name} has ${size} bytes`);
  return (await readUpTo(file, position, size)).toString('utf8');
}
