import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { FormatFacts } from '../../model/format.ts';
import { formatSize } from '../../model/size.ts';
import type { StepContext } from '../../model/step.ts';
import { openImage } from '../shared/open-image.ts';
import { readUpTo } from '../shared/read-exactly.ts';
import { invalidOva } from './invalid.ts';
import { type ManifestLine, parseManifest, signerOf } from './manifest.ts';
import { type OvaPackage, type PackageFile, readPackage, readText } from './package.ts';

const pieceSize = 2 ** 20;
const titles = { sha1: 'SHA-1', sha256: 'SHA-256', sha512: 'SHA-512' };

/** Reads a whole OVA, compares the digest of every file in its manifest, and the manifest's signature. @throws AppError IMAGE_INVALID */
export async function inspectOva(path: string, ctx: StepContext): Promise<FormatFacts> {
  const { file, size } = await openImage(path);
  try {
    const ova = await readPackage(path, file, size);
    const manifest = fileWithEnding(ova, '.mf');
    const lines = manifest ? await checkManifest(path, file, ova, manifest, ctx) : [];
    const signer = await checkSignature(path, file, ova, manifest);
    const kinds = [...new Set(lines.map(({ algorithm }) => titles[algorithm]))].join(', ');
    return {
      facts: { ...factsOf(ova), manifest: manifest !== undefined, ...(signer === undefined ? {} : { 'signed by': signer }) },
      disks: ova.disks.length,
      ...(manifest ? { checksums: { kind: kinds, checked: lines.length } } : {}),
    };
  } finally {
    await file.close();
  }
}

/** The file beside the descriptor that has its name with another ending. */
function fileWithEnding({ files, descriptorName }: OvaPackage, ending: string): PackageFile | undefined {
  return files.get(descriptorName.replace(/\.ovf$/i, ending));
}

async function checkManifest(
  path: string,
  file: FileHandle,
  ova: OvaPackage,
  manifest: PackageFile,
  { signal, emit }: StepContext,
): Promise<ManifestLine[]> {
  const lines = parseManifest(await readText(path, file, manifest)).map((line) => {
    if (!line) throw invalidOva(path, `its manifest ${manifest.name} has a line that is none`);
    return line;
  });
  const total = [...ova.files.values()].reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  for (const { algorithm, file: name, digest } of lines) {
    const entry = ova.files.get(name);
    if (!entry) throw invalidOva(path, `its manifest names "${name}", which is not in it`);
    const hash = createHash(algorithm);
    for (let offset = 0; offset < entry.size; offset += pieceSize) {
      signal.throwIfAborted();
      const bytes = await readUpTo(file, entry.position + offset, Math.min(pieceSize, entry.size - offset));
      hash.update(bytes);
      done += bytes.length;
      if (offset % (32 * pieceSize) === 0) emit({ type: 'step.progress', step: 'inspect', done, total, unit: 'bytes' });
    }
    const found = hash.digest('hex');
    if (found !== digest) throw invalidOva(path, `${name} is damaged: its ${titles[algorithm]} is ${found}, not ${digest}`);
  }
  for (const { name } of [...ova.disks, { name: ova.descriptorName }])
    if (!lines.some((line) => line.file === name)) throw invalidOva(path, `its manifest does not name ${name}`);
  return lines;
}

async function checkSignature(
  path: string,
  file: FileHandle,
  ova: OvaPackage,
  manifest: PackageFile | undefined,
): Promise<string | undefined> {
  const certificate = fileWithEnding(ova, '.cert');
  if (!certificate) return undefined;
  if (!manifest) throw invalidOva(path, 'it has a certificate, and no manifest that it could be of');
  const bytes = await readUpTo(file, manifest.position, manifest.size);
  const signer = signerOf(await readText(path, file, certificate), manifest.name, bytes);
  if (signer === undefined) throw invalidOva(path, `the signature in ${certificate.name} is not one of its manifest`);
  return signer;
}

function factsOf({ description }: OvaPackage): FormatFacts['facts'] {
  const { name, version, cpus, memoryMiB, firmware, secureBoot, hardware, os, networks } = description;
  return {
    name,
    ...(version === '' ? {} : { version }),
    ...(os === '' ? {} : { 'made for': os }),
    firmware,
    ...(firmware === 'efi' ? { 'secure boot': secureBoot } : {}),
    cpus,
    memory: formatSize(memoryMiB * 2 ** 20),
    ...(hardware === '' ? {} : { hardware }),
    ...(networks.length > 0 ? { networks: networks.join(', ') } : {}),
  };
}
