import { realpath } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { AppError, errnoOf } from '../util/errors.ts';
import type { PathFault } from './load-faults.ts';
import { readLimited } from './load-file.ts';
import type { TemplateParts } from './load-semantics.ts';
import { type Path, pathText, placeOf, type Tree } from './load-tree.ts';

const maxScriptBytes = 1024 * 1024;
const headBytes = 4096;

/** The files of a definition's own that exist and are fit: real absolute paths by the path that names them (`provisioning[2].script`). */
export interface LocalFiles {
  files: Map<string, string>;
  faults: PathFault[];
}

/** Looks at every script, file and key. A path counts from the folder of the definition that it is written in, and may not leave it, also not by a symlink. */
export async function checkLocalFiles(parts: TemplateParts, tree: Tree): Promise<LocalFiles> {
  const named: { path: Path; kind: 'script' | 'file' | 'key'; value: string }[] = [];
  for (const [index, item] of parts.provisioning.entries()) {
    if (item && 'script' in item) named.push({ path: ['provisioning', index, 'script'], kind: 'script', value: item.script });
    if (item && 'file' in item) named.push({ path: ['provisioning', index, 'file'], kind: 'file', value: item.file });
  }
  for (const [index, item] of parts.repositories.entries()) {
    if (item) named.push({ path: ['repositories', index, 'key'], kind: 'key', value: item.key });
  }
  const result: LocalFiles = { files: new Map(), faults: [] };
  for (const { path, kind, value } of named) {
    const folder = dirname(placeOf(tree, path).file);
    try {
      const file = await realFileInside(folder, value);
      const fault =
        kind === 'script' ? await scriptFault(file, join(folder, value)) : kind === 'key' ? await keyFault(file) : undefined;
      if (fault) result.faults.push({ ...fault, path });
      else result.files.set(pathText(path), file);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      result.faults.push({ path, message: error.message });
    }
  }
  return result;
}

async function realFileInside(folder: string, path: string): Promise<string> {
  const root = await realpath(folder);
  let file: string;
  try {
    file = await realpath(join(root, path));
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES'].includes(errnoOf(error) ?? '')) throw error;
    const why = errnoOf(error) === 'EACCES' ? 'cannot be read' : 'does not exist';
    throw new AppError('TEMPLATE_INVALID', `${path} ${why} in ${folder}`, { cause: error });
  }
  if (!file.startsWith(root.endsWith(sep) ? root : root + sep)) {
    throw new AppError('TEMPLATE_INVALID', `${path} is a symlink that leaves the folder of the definition`);
  }
  await readLimited(file, 0);
  return file;
}

async function scriptFault(file: string, shown: string): Promise<Omit<PathFault, 'path'> | undefined> {
  const bytes = Buffer.from(await readLimited(file, maxScriptBytes));
  if (bytes.length > maxScriptBytes) return { message: 'a script must not be larger than 1 MiB' };
  if (bytes[0] !== 0x23 || bytes[1] !== 0x21) {
    return { message: `${shown} does not begin with "#!"`, hint: 'Begin it with #!/bin/sh, or the interpreter that it needs.' };
  }
  const carriageReturn = bytes.indexOf('\r\n');
  if (carriageReturn < 0) return undefined;
  const line = bytes.subarray(0, carriageReturn).toString('latin1').split('\n').length;
  return { message: `${shown} has Windows line ends, first on line ${line}`, hint: 'Save it with Unix line ends (LF).' };
}

/** A public key is text in armour, or a packet of type 6 (RFC 9580, section 4.2). */
async function keyFault(file: string): Promise<Omit<PathFault, 'path'> | undefined> {
  const head = Buffer.from(await readLimited(file, headBytes));
  if (head.includes('BEGIN PGP PRIVATE KEY BLOCK'))
    return { message: 'is a private key', hint: 'Export the public key: gpg --export KEY' };
  const first = head[0] ?? 0;
  const isPacket = (first & 0xfc) === 0x98 || first === 0xc6;
  return isPacket || head.includes('-----BEGIN PGP PUBLIC KEY BLOCK-----')
    ? undefined
    : { message: 'is not an OpenPGP public key' };
}
