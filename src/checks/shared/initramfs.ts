import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { Rootfs } from '../../model/check.ts';
import { AppError } from '../../util/errors.ts';
import { start } from '../../util/exec.ts';

/** What the kernel unpacks at boot: one archive after the other, the last ones compressed. */

/** 512 MiB: a machine has to hold it in memory. */
const maxSize = 2 ** 29;
const maxEntries = 100_000;
const headerSize = 110;

/** Files by path, without leading slash. */
export type Initramfs = Map<string, Buffer>;

/** Reads an initramfs of the image. @throws AppError IMAGE_INVALID, TOOL_MISSING */
export async function readInitramfs(rootfs: Rootfs, path: string, signal: AbortSignal): Promise<Initramfs> {
  const bytes = await rootfs.readFile(path);
  if (!bytes) throw new AppError('IMAGE_INVALID', `${path} is missing`);
  const files: Initramfs = new Map();
  const rest = readArchives(bytes, path, files);
  if (rest.length > 0) {
    const unpacked = await decompress(rest, path, signal);
    if (readArchives(unpacked, path, files).length > 0) throw damaged(path);
  }
  return files;
}

function damaged(path: string, cause?: unknown): AppError {
  return new AppError('IMAGE_INVALID', `${path} is not an initramfs, or damaged`, { cause });
}

/** Takes files out of the archives at the start, and gives back what follows them. Format: the kernel's early-userspace/buffer-format. */
function readArchives(bytes: Buffer, path: string, files: Initramfs): Buffer {
  let at = 0;
  while (at < bytes.length) {
    if (bytes[at] === 0) {
      at += 1;
      continue;
    }
    if (bytes.toString('latin1', at, at + 5) !== '07070') return bytes.subarray(at);
    const field = (index: number): number =>
      Number.parseInt(bytes.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const size = field(6);
    const nameSize = field(11);
    const data = align(at + headerSize + nameSize);
    if (!(nameSize > 0 && size >= 0 && data + size <= bytes.length) || files.size >= maxEntries) throw damaged(path);
    const name = bytes.toString('utf8', at + headerSize, at + headerSize + nameSize - 1).replace(/^\.?\//, '');
    if (name !== 'TRAILER!!!') files.set(name, bytes.subarray(data, data + size));
    at = align(data + size);
  }
  return bytes.subarray(bytes.length);
}

function align(at: number): number {
  return Math.ceil(at / 4) * 4;
}

async function decompress(bytes: Buffer, path: string, signal: AbortSignal): Promise<Buffer> {
  const magic = bytes.toString('hex', 0, 4);
  try {
    if (magic.startsWith('1f8b')) return gunzipSync(bytes, { maxOutputLength: maxSize });
    if (magic === '28b52ffd') return zstdDecompressSync(bytes, { maxOutputLength: maxSize });
  } catch (error) {
    throw damaged(path, error);
  }
  if (magic === 'fd377a58') return unxz(bytes, path, signal);
  throw damaged(path);
}

/** Node has no xz. */
async function unxz(bytes: Buffer, path: string, signal: AbortSignal): Promise<Buffer> {
  const child = start(['xz', '--decompress', '--stdout', '--memlimit=512MiB'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const stop = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once('error', (error) =>
        reject(
          new AppError('TOOL_MISSING', 'xz is not installed', { cause: error, hint: 'Install it: apt-get install xz-utils' }),
        ),
      );
      child.once('close', (code) => resolve(code));
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(bytes);
    child.stdout?.on('data', (piece: Buffer) => {
      size += piece.length;
      if (size > maxSize) stop();
      else pieces.push(piece);
    });
    const code = await ended;
    signal.throwIfAborted();
    if (code !== 0) throw damaged(path);
    return Buffer.concat(pieces);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
