import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, manifestSchema } from '../model/manifest.ts';
import { type Digest, digestOf, digestOfFile } from '../util/digest.ts';
import { AppError, errnoOf, type Fault } from '../util/errors.ts';
import { parseDocument } from '../model/document.ts';

/** A file of an image, in its output folder. */
export interface OutputFile {
  name: string;
  path: string;
  size: number;
  digest: string;
}

/** An output folder whose every byte was compared with its manifest. */
export interface Output {
  folder: string;
  manifest: Manifest;
  manifestBytes: Buffer;
  /** The digest of the manifest's bytes: the identity of the image. */
  digest: Digest;
  artifacts: OutputFile[];
  evidence: OutputFile[];
}

/**
 * Reads an output folder and proves that its files are the ones of its manifest.
 * @throws AppError NOT_FOUND, IMAGE_INVALID with one fault a file, CHECK_FAILED when the manifest counts failed checks
 */
export async function readOutput(folder: string, signal?: AbortSignal): Promise<Output> {
  const manifestBytes = await readManifestBytes(folder);
  const where = join(folder, 'manifest.json');
  const manifest = parseDocument(manifestBytes.toString(), manifestSchema, 'gabarit.manifest/1', where);
  if (manifest.checks.fail > 0) {
    throw new AppError('CHECK_FAILED', `${folder} failed ${manifest.checks.fail} of its checks: it is not published`, {
      hint: `gabarit verify ${folder} shows them.`,
    });
  }
  const filesOf = (items: { name: string; size: number; digest: string }[]): OutputFile[] =>
    items.map(({ name, size, digest }) => ({ name, size, digest, path: join(folder, name) }));
  const artifacts = filesOf(manifest.artifacts);
  const evidence = filesOf(manifest.evidence);
  const faults: Fault[] = repeatedNames([...artifacts, ...evidence]);
  for (const file of [...artifacts, ...evidence]) {
    const message = await faultOf(file, signal);
    if (message !== undefined) faults.push({ file: file.path, message });
  }
  if (faults.length > 0) {
    throw new AppError('IMAGE_INVALID', `${folder} is not what its manifest says: it is not published`, {
      faults,
      hint: 'Build it again; published versions never change, so do not repair files by hand.',
    });
  }
  return { folder, manifest, manifestBytes, digest: digestOf(manifestBytes), artifacts, evidence };
}

async function readManifestBytes(folder: string): Promise<Buffer> {
  try {
    return await readFile(join(folder, 'manifest.json'));
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT' && errnoOf(cause) !== 'ENOTDIR') throw cause;
    throw new AppError('NOT_FOUND', `There is no manifest.json in ${folder}`, {
      cause,
      hint: 'Name the output folder of a build, for example out/debian-12/20261123.1',
    });
  }
}

function repeatedNames(files: OutputFile[]): Fault[] {
  const seen = new Set(['manifest.json']);
  return files.flatMap(({ name, path }) => {
    if (seen.has(name)) return [{ file: path, message: `the manifest names ${name} twice` }];
    seen.add(name);
    return [];
  });
}

async function faultOf(file: OutputFile, signal: AbortSignal | undefined): Promise<string | undefined> {
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]*$/.test(file.name)) return `"${file.name}" is not a plain file name`;
  const found = await lstat(file.path).catch((error: unknown) => {
    if (errnoOf(error) !== 'ENOENT') throw error;
  });
  if (!found) return 'it is missing';
  if (!found.isFile()) return 'it is not a plain file';
  if (found.size !== file.size) return `it has ${found.size} bytes, the manifest says ${file.size}`;
  const digest = await digestOfFile(file.path, signal);
  return digest === file.digest ? undefined : `its digest is ${digest}, the manifest says ${file.digest}`;
}
