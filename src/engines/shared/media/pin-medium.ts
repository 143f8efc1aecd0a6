import { access, constants } from 'node:fs/promises';
import type { Medium, MediumSource } from '../../../model/medium.ts';
import type { StepContext } from '../../../model/step.ts';
import type { SigningKey, VendorFile } from '../../../model/vendor-file.ts';
import { AppError } from '../../../util/errors.ts';
import { fetchSignedDigests } from './signed-digests.ts';

type PinContext = Pick<StepContext, 'cacheDir' | 'offline' | 'signal' | 'emit'>;

/** Pins what a definition names. @throws AppError MIRROR_UNREACHABLE, NOT_FOUND, SIGNATURE_INVALID, DIGEST_MISMATCH, HOST_NOT_READY */
export async function pinMedium(kind: Medium['kind'], source: MediumSource, ctx: PinContext): Promise<Medium> {
  const { url, digest, digests, signature, keyring } = source;
  if (digests === undefined || keyring === undefined) {
    if (digest === undefined) throw new TypeError('the source was not checked');
    return { kind, url, digest };
  }
  const { text, signed } = await fetchSignedDigests({ url: digests, signature, keyring }, ctx);
  const name = decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? '');
  const found = digestsOf(text).find((entry) => entry.name === name);
  if (found === undefined) throw new AppError('NOT_FOUND', `${digests} lists no ${name}`, { hint: listed(text) });
  if (digest !== undefined && digest !== found.digest)
    throw new AppError('DIGEST_MISMATCH', `${digests} has another digest of ${name} than the definition: ${found.digest}`);
  return { kind, url, digest: found.digest, signed };
}

/** Pins the newest file of a vendor. `keyring` is a key of the person's own, where the host brings none. @throws as {@link pinMedium} */
export async function pinVendorFile(
  kind: Medium['kind'],
  file: VendorFile,
  keyring: string | undefined,
  ctx: PinContext,
): Promise<Medium> {
  const { signature, folder } = file;
  if (signature.kind === 'none')
    throw new AppError('NOT_TRUSTED', `${folder}${file.name} cannot be proven: ${signature.why}`, {
      hint: 'Give its URL and digest in the definition (engine.options.source), when you have proven it by another way.',
    });
  const keys = keyring ?? (await packagedKeys(signature.key));
  if (keys === undefined)
    throw new AppError('HOST_NOT_READY', `The key of ${signature.key.owner} is not on this host`, {
      hint: howToGet(signature.key),
    });
  const digests = folder + file.digests.name;
  const fingerprints = keyring === undefined && signature.key.fingerprints.length > 0 ? signature.key.fingerprints : undefined;
  const { text, signed } = await fetchSignedDigests(
    {
      url: digests,
      ...(signature.kind === 'detached' ? { signature: folder + signature.name } : {}),
      keyring: keys,
      ...(fingerprints ? { fingerprints } : {}),
    },
    ctx,
  );
  const pattern = new RegExp(`^${file.name.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`);
  const found = digestsOf(text)
    .filter(({ name }) => pattern.test(name))
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
    .at(-1);
  if (found === undefined) throw new AppError('NOT_FOUND', `${digests} lists no ${file.name}`, { hint: listed(text) });
  return { kind, url: folder + found.name, digest: found.digest, signed };
}

/** The file of keys that a package has brought to this host, if it has. */
async function packagedKeys({ keyring }: SigningKey): Promise<string | undefined> {
  if (keyring === undefined) return undefined;
  return access(keyring.path, constants.R_OK).then(
    () => keyring.path,
    () => undefined,
  );
}

/** What brings a key to this host. */
function howToGet({ keyring, url, fingerprints }: SigningKey): string {
  const fetched = `get it from ${url}${fingerprints.length > 0 ? `, compare its fingerprint (${fingerprints.join(' or ')})` : ''}, and name its file in the definition (engine.options.keyring)`;
  if (keyring === undefined) return `No package brings it: ${fetched}.`;
  return `Run "apt-get install ${keyring.package}"${keyring.where === undefined ? '' : ` (${keyring.where})`}. Or ${fetched}.`;
}

/** Reads the styles of GNU (`HEX  NAME`, `HEX *NAME`) and BSD (`SHA256 (NAME) = HEX`). */
export function digestsOf(text: string): { name: string; digest: string }[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const gnu = /^([0-9a-f]{64}|[0-9a-f]{128}) [ *](?:\.\/)?(.+)$/i.exec(line);
    const bsd = /^SHA(?:256|512) \((.+)\) = ([0-9a-f]{64}|[0-9a-f]{128})$/i.exec(line);
    const hex = (gnu?.[1] ?? bsd?.[2])?.toLowerCase();
    const name = gnu?.[2] ?? bsd?.[1];
    if (hex === undefined || name === undefined) return [];
    return [{ name, digest: `${hex.length === 64 ? 'sha256' : 'sha512'}:${hex}` }];
  });
}

function listed(text: string): string {
  const names = digestsOf(text).map(({ name }) => name);
  return names.length === 0 ? 'It lists nothing.' : `It lists ${names.slice(0, 8).join(', ')}${names.length > 8 ? ', ...' : ''}`;
}
