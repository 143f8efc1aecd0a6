import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StepContext } from '../../../model/step.ts';
import { AppError, errnoOf } from '../../../util/errors.ts';
import { exec } from '../../../util/exec.ts';
import { writeJson } from '../../../util/files.ts';
import { retry } from '../../../util/retry.ts';
import { openUrl } from './fetch-medium.ts';

type FetchContext = Pick<StepContext, 'cacheDir' | 'offline' | 'signal' | 'emit'>;

/** Files of digests are small; one that is not is something else. */
const maxBytes = 4 * 2 ** 20;

export interface SignedDigests {
  text: string;
  /** Of the primary key, and of the signature: seconds since 1970. */
  signed: { fingerprint: string; date: number };
}

export interface DigestsSource {
  url: string;
  /** Of the detached signature; absent: the file holds its own. */
  signature?: string | undefined;
  keyring: string;
  /** Only these keys of the keyring may sign; absent: all of them. */
  fingerprints?: readonly string[];
}

/**
 * Fetches a file of digests and proves its signature. A file that was signed before one that this machine has seen is refused: somebody
 * may be serving an old medium on purpose. @throws AppError MIRROR_UNREACHABLE, NOT_FOUND, SIGNATURE_INVALID, HOST_NOT_READY
 */
export async function fetchSignedDigests(source: DigestsSource, ctx: FetchContext): Promise<SignedDigests> {
  if (ctx.offline)
    throw new AppError('MIRROR_UNREACHABLE', `${source.url} cannot be asked without a network`, {
      hint: 'Use a plan that was made before (--plan), or give the digest in the definition.',
    });
  const work = join(tmpdir(), `gabarit-digests-${randomBytes(4).toString('hex')}`);
  await mkdir(work);
  try {
    const digests = join(work, 'digests');
    await writeFile(digests, await fetchSmall(source.url, ctx));
    const files = [digests];
    if (source.signature !== undefined) {
      await writeFile(join(work, 'signature'), binary(await fetchSmall(source.signature, ctx)));
      files.unshift(join(work, 'signature'));
    }
    const keyring = join(work, 'keyring.gpg');
    await writeFile(keyring, binary(await readKeyring(source.keyring)));
    const output = join(work, 'text');
    const { stdout } = await exec(['gpgv', '--status-fd', '1', '--keyring', keyring, '--output', output, ...files], {
      signal: ctx.signal,
      okExitCodes: [0, 1, 2],
      what: `Proving the signature of ${source.url}`,
    });
    const signed = validSignature(stdout, source);
    await mustBeNewest(source.url, signed.date, ctx.cacheDir);
    // Of a file that holds its signature, only what is signed counts.
    const text = await readFile(source.signature === undefined ? output : digests, 'utf8');
    return { text, signed };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function fetchSmall(url: string, ctx: FetchContext): Promise<Buffer> {
  return await retry(
    async () => {
      const { bytes } = await openUrl(url, ctx.signal);
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of bytes) {
        size += (chunk as Buffer).length;
        if (size > maxBytes) throw new AppError('SIGNATURE_INVALID', `${url} is too long for a file of digests or a signature`);
        chunks.push(chunk as Buffer);
      }
      return Buffer.concat(chunks);
    },
    { attempts: 4, delayMs: 1000, signal: ctx.signal },
  );
}

async function readKeyring(path: string): Promise<Buffer> {
  return await readFile(path).catch((cause: unknown) => {
    throw new AppError('HOST_NOT_READY', `The keys ${path} cannot be read (${errnoOf(cause) ?? 'unknown'})`, {
      cause,
      hint: 'Put the public keys of the vendor there, or name another file (keyring).',
    });
  });
}

/** gpgv reads keys and signatures in binary only; armour is base64 between two lines. */
function binary(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  const blocks = [...text.matchAll(/-----BEGIN PGP (?:PUBLIC KEY BLOCK|SIGNATURE)-----\r?\n([\s\S]*?)-----END PGP/g)];
  if (blocks.length === 0) return bytes;
  return Buffer.concat(
    blocks.map(([, body = '']) => {
      // Headers end at an empty line; the last line is a checksum.
      const lines = body.split(/\r?\n/);
      const start = lines.findIndex((line) => line.trim() === '') + 1;
      return Buffer.from(
        lines
          .slice(start)
          .filter((line) => !line.startsWith('='))
          .join(''),
        'base64',
      );
    }),
  );
}

function validSignature(status: string, source: DigestsSource): SignedDigests['signed'] {
  const lines = status.split('\n').map((line) => line.replace('[GNUPG:] ', '').split(' '));
  const valid = lines
    .filter(([word]) => word === 'VALIDSIG')
    // The primary key's fingerprint comes last; without subkeys both are the same.
    .map((words) => ({ fingerprint: words.at(-1) ?? '', date: Number(words[3]) }))
    .find(({ fingerprint }) => (source.fingerprints ?? [fingerprint]).includes(fingerprint));
  if (valid && !lines.some(([word]) => word === 'BADSIG' || word === 'REVKEYSIG' || word === 'EXPSIG')) return valid;
  const why = lines.some(([word]) => word === 'BADSIG')
    ? 'its content is not what was signed'
    : lines.some(([word]) => word === 'NO_PUBKEY')
      ? `it is signed by ${lines.find(([word]) => word === 'NO_PUBKEY')?.[1] ?? 'a key'}, which is not in ${source.keyring}`
      : lines.some(([word]) => word === 'VALIDSIG')
        ? "it is signed by a key that is not the vendor's"
        : 'it has no good signature';
  throw new AppError('SIGNATURE_INVALID', `${source.url} is not proven: ${why}`, {
    hint: 'Nothing of it was used. Compare the key with what the vendor publishes, and check the addresses of digests and signature.',
  });
}

async function mustBeNewest(url: string, date: number, cacheDir: string): Promise<void> {
  const folder = join(cacheDir, 'media');
  const path = join(folder, `seen-${createHash('sha256').update(url).digest('hex').slice(0, 16)}.json`);
  const seen = await readFile(path, 'utf8').then(
    (text) => Number((JSON.parse(text) as { date: unknown }).date),
    () => 0,
  );
  if (date < seen)
    throw new AppError(
      'SIGNATURE_INVALID',
      `${url} was signed ${new Date(date * 1000).toISOString()}, before what was served earlier (${new Date(seen * 1000).toISOString()})`,
      { hint: `An old file is being served, perhaps on purpose. If you know why, remove ${path}.` },
    );
  await mkdir(folder, { recursive: true });
  if (date > seen) await writeJson(path, { url, date });
}
