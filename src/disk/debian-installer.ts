import { createGunzip } from 'node:zlib';

/** What Debian's installer says of itself inside its initrd: the only place that a netboot medium has for it. */

const searched = 64 * 2 ** 20;
const fileName = 'etc/lsb-release';
const headerLength = 110;

export interface InstallerBuild {
  /** `12 (bookworm)` */
  release: string;
  /** `netboot`, `cdrom` ... */
  medium?: string;
  /** `amd64`, by the machine code in it; absent when it holds none of a known kind. */
  arch?: string;
}

/** Reads a gzip-compressed cpio archive up to its lsb-release. Undefined when it is not that of Debian's installer. */
export async function readInstallerInitrd(packed: Buffer): Promise<InstallerBuild | undefined> {
  const archive = await unpackStart(packed);
  let arch: string | undefined;
  for (const { name, content } of cpioFiles(archive)) {
    if (arch === undefined && content.toString('latin1', 0, 4) === '\u007fELF' && content.length > 20)
      arch = { 3: 'i386', 62: 'amd64', 183: 'arm64' }[content.readUInt16LE(18)];
    if (name !== fileName) continue;
    const text = content.toString('utf8');
    const release = /^DISTRIB_RELEASE="?(.+?)(?: - installer build.*?)?"?$/m.exec(text)?.[1];
    if (release === undefined || !text.includes('installer')) return undefined;
    const medium = /^X_INSTALLATION_MEDIUM=(\S+)$/m.exec(text)?.[1];
    return { release, ...(medium === undefined ? {} : { medium }), ...(arch === undefined ? {} : { arch }) };
  }
  return undefined;
}

/** As much as is looked at; what is damaged after that does not matter. */
function unpackStart(packed: Buffer): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const gunzip = createGunzip();
  const parts: Buffer[] = [];
  let length = 0;
  const done = (): void => {
    gunzip.destroy();
    resolve(Buffer.concat(parts));
  };
  gunzip.on('data', (part: Buffer) => {
    parts.push(part);
    length += part.length;
    if (length > searched) done();
  });
  gunzip.on('end', done);
  gunzip.on('error', done);
  gunzip.end(packed);
  return promise;
}

/** The regular files of a "newc" archive, in order. */
function* cpioFiles(archive: Buffer): Generator<{ name: string; content: Buffer }, void, undefined> {
  for (let at = 0; at + headerLength < archive.length; ) {
    if (archive.toString('latin1', at, at + 5) !== '07070') return;
    const field = (index: number): number =>
      Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const [size, nameSize] = [field(6), field(11)];
    const contentAt = aligned(at + headerLength + nameSize);
    if (!Number.isFinite(size) || !Number.isFinite(nameSize) || contentAt + size > archive.length) return;
    const name = archive.toString('utf8', at + headerLength, at + headerLength + nameSize - 1).replace(/^\.?\//, '');
    if (name === 'TRAILER!!!') return;
    yield { name, content: archive.subarray(contentAt, contentAt + size) };
    at = aligned(contentAt + size);
  }
}

function aligned(position: number): number {
  return Math.ceil(position / 4) * 4;
}
