/** The description of one package, as rpm keeps it in its database: a header of tagged values (rpm's own lib/header.c). */

export interface RpmPackage {
  name: string;
  /** With its epoch, where it has one: `2:1.0-1.el9`. */
  version: string;
  architecture: string;
  files: RpmFile[];
}

export interface RpmFile {
  path: string;
  /** Hexadecimal; empty for what is no regular file. */
  digest: string;
  mode: number;
  /** Configuration, which people may change. */
  config: boolean;
  /** Not brought by the package, only said to be its own. */
  ghost: boolean;
}

const tags = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  arch: 1022,
  fileModes: 1030,
  fileDigests: 1035,
  fileFlags: 1037,
  dirIndexes: 1116,
  baseNames: 1117,
  dirNames: 1118,
} as const;
const flags = { config: 1, ghost: 64 };
const entrySize = 16;
/** By type: numbers of 16 and 32 bits, and texts that end in a zero. */
const types = { int16: 3, int32: 4, text: 6, texts: 8, localTexts: 9 } as const;

/** @throws RangeError when it is no header. */
export function readRpmHeader(blob: Buffer): RpmPackage {
  const entries = readEntries(blob);
  const text = (tag: number): string => String(entries.get(tag)?.[0] ?? '');
  const numbers = (tag: number): number[] => (entries.get(tag) ?? []).map(Number);
  const texts = (tag: number): string[] => (entries.get(tag) ?? []).map(String);
  const epoch = numbers(tags.epoch)[0];
  const [folders, digests, modes, fileFlags, indexes] = [
    texts(tags.dirNames),
    texts(tags.fileDigests),
    numbers(tags.fileModes),
    numbers(tags.fileFlags),
    numbers(tags.dirIndexes),
  ];
  return {
    name: text(tags.name),
    version: `${epoch === undefined ? '' : `${epoch}:`}${text(tags.version)}-${text(tags.release)}`,
    architecture: text(tags.arch),
    files: texts(tags.baseNames).map((name, index) => ({
      path: `${folders[indexes[index] ?? 0] ?? ''}${name}`,
      digest: digests[index] ?? '',
      mode: modes[index] ?? 0,
      config: ((fileFlags[index] ?? 0) & flags.config) !== 0,
      ghost: ((fileFlags[index] ?? 0) & flags.ghost) !== 0,
    })),
  };
}

function readEntries(blob: Buffer): Map<number, (string | number)[]> {
  const count = blob.readUInt32BE(0);
  const start = 8 + count * entrySize;
  if (start > blob.length) throw new RangeError('the header is shorter than its index');
  const wanted = new Set<number>(Object.values(tags));
  const entries = new Map<number, (string | number)[]>();
  for (let index = 0; index < count; index++) {
    const at = 8 + index * entrySize;
    const tag = blob.readUInt32BE(at);
    if (wanted.has(tag))
      entries.set(
        tag,
        readValues(blob, blob.readUInt32BE(at + 4), start + blob.readUInt32BE(at + 8), blob.readUInt32BE(at + 12)),
      );
  }
  return entries;
}

function readValues(blob: Buffer, type: number, offset: number, count: number): (string | number)[] {
  const values: (string | number)[] = [];
  let at = offset;
  for (let index = 0; index < count; index++) {
    if (type === types.int16) values.push(blob.readUInt16BE(offset + index * 2));
    else if (type === types.int32) values.push(blob.readUInt32BE(offset + index * 4));
    else if (type === types.text || type === types.texts || type === types.localTexts) {
      const end = blob.indexOf(0, at);
      if (end === -1) throw new RangeError('a text of the header does not end');
      values.push(blob.toString('utf8', at, end));
      at = end + 1;
    } else break;
  }
  return values;
}
