import type { Catalog, PublishedImage } from '../model/catalog.ts';
import type { Verdict } from '../model/check.ts';
import type { ImageReference } from '../model/image-reference.ts';
import type { Manifest } from '../model/manifest.ts';
import type { Store } from '../model/store.ts';
import { AppError, type ErrorCode } from '../util/errors.ts';
import type { Emit } from '../util/events.ts';
import { proveObject } from './prove-object.ts';
import type { SignedManifest } from './signed-manifest.ts';

/** What a machine can say of a published image: every link from the keys that it trusts to the last byte. */

export interface VerifyPublishedOptions {
  /** Without reading artifacts and evidence. */
  quick: boolean;
  emit: Emit;
  signal?: AbortSignal | undefined;
}

export interface VerifiedImage {
  verdicts: Verdict[];
  image?: PublishedImage;
  manifest?: Manifest;
  /** The code of the first failure. */
  failure?: ErrorCode;
}

/** What the verification of a published image needs, already opened for the store. */
export interface VerifyPublished {
  store: Store;
  /** Who is believed: a verdict, or the error by which nobody is. */
  openTrust: () => Promise<{ status: 'pass' | 'warn'; message: string }>;
  /** Opens the catalog with that trust. */
  openCatalog: () => Pick<Catalog, 'resolve'>;
  readManifest: (image: PublishedImage) => Promise<SignedManifest>;
}

interface Found {
  id: string;
  title: string;
}
const trust: Found = { id: 'keys', title: 'The keys of the store are trusted' };
const signature: Found = { id: 'index-signature', title: 'The index is signed by one of them' };
const freshness: Found = { id: 'index-freshness', title: 'The index is the newest, and has not expired' };
const reference: Found = { id: 'reference', title: 'The name means one image' };
const revocation: Found = { id: 'revocation', title: 'The image was not revoked' };
const signedManifest: Found = { id: 'manifest', title: 'The manifest is the one of the index, and signed' };
const files: Found = { id: 'files', title: 'Every file is the one of the manifest' };

/** Which verdict an error of `catalog.resolve` belongs to; those before it have passed. */
const order: [Found, readonly ErrorCode[]][] = [
  [signature, ['SIGNATURE_INVALID', 'NOT_TRUSTED', 'IMAGE_INVALID']],
  [freshness, ['CATALOG_EXPIRED', 'CATALOG_ROLLED_BACK']],
  [reference, ['NOT_FOUND']],
  [revocation, ['REVOKED']],
];

/**
 * Verifies a published image link by link; what follows a broken link is skipped. A failure is a verdict, not an error.
 * @throws AppError STORE_FAILED, CANCELLED when the store could not be asked
 */
export async function verifyPublished(
  wanted: ImageReference,
  parts: VerifyPublished,
  { quick, emit, signal }: VerifyPublishedOptions,
): Promise<VerifiedImage> {
  const result: VerifiedImage = { verdicts: [] };
  const say = (found: Found, status: Verdict['status'], message: string, subject?: string): void => {
    const verdict = { check: found.id, title: found.title, status, message, ...(subject === undefined ? {} : { subject }) };
    result.verdicts.push(verdict);
    emit({ type: 'verdict', ...verdict });
  };
  /** The verdict of a failure, or the error itself when it says nothing about the image. */
  const fail = (found: Found, error: unknown, subject?: string): void => {
    if (!(error instanceof AppError) || aboutTheStore.has(error.code)) throw error;
    result.failure ??= error.code;
    say(found, 'fail', error.hint === undefined ? error.message : `${error.message}. ${error.hint}`, subject);
  };
  const skipFrom = (found: Found): VerifiedImage => {
    for (const later of all.slice(all.indexOf(found) + 1)) say(later, 'skip', 'as the one before it failed');
    return result;
  };

  try {
    const { status, message } = await parts.openTrust();
    say(trust, status, message);
  } catch (error) {
    fail(trust, error);
    return skipFrom(trust);
  }

  try {
    result.image = await parts.openCatalog().resolve(wanted);
  } catch (error) {
    const at = order.findIndex(([, codes]) => error instanceof AppError && codes.includes(error.code));
    if (at === -1) throw error;
    for (const [passed] of order.slice(0, at)) say(passed, 'pass', '');
    const [failed] = order[at] ?? [signature];
    fail(failed, error);
    return skipFrom(failed);
  }
  const { image } = result;
  say(signature, 'pass', '');
  say(freshness, 'pass', '');
  say(reference, 'pass', `${image.template}@${image.version}, ${image.digest}`);
  say(revocation, 'pass', '');

  try {
    const { manifest, signedBy } = await parts.readManifest(image);
    result.manifest = manifest;
    say(signedManifest, 'pass', signedBy.map(({ format, key }) => `${format} by ${key.name}`).join(', '));
  } catch (error) {
    fail(signedManifest, error);
    return skipFrom(signedManifest);
  }

  if (quick) say(files, 'skip', 'not read (--quick)');
  else
    await proveFiles(result.manifest, image, parts.store, {
      emit,
      signal,
      pass: (message, name) => say(files, 'pass', message, name),
      fail: (error, name) => fail(files, error, name),
    });
  return result;
}

const all = [trust, ...order.map(([found]) => found), signedManifest, files];
/** Errors that say nothing about the image. */
const aboutTheStore = new Set<ErrorCode>([
  'STORE_FAILED',
  'TIMEOUT',
  'CANCELLED',
  'CONFIG_INVALID',
  'USAGE',
  'DISK_FULL',
  'HOST_NOT_READY',
]);

async function proveFiles(
  manifest: Manifest,
  image: PublishedImage,
  store: Store,
  options: {
    emit: Emit;
    signal: AbortSignal | undefined;
    pass: (message: string, name: string) => void;
    fail: (error: unknown, name: string) => void;
  },
): Promise<void> {
  const { emit, signal } = options;
  const wanted = [...manifest.artifacts, ...manifest.evidence];
  const total = wanted.reduce((sum, { size }) => sum + size, 0);
  const started = performance.now();
  emit({ type: 'step.started', step: 'files', title: 'Reading every file' });
  let before = 0;
  for (const { name, size, digest } of wanted) {
    const onProgress = (bytes: number): void =>
      emit({ type: 'step.progress', step: 'files', done: before + bytes, total, unit: 'bytes', note: name });
    try {
      await proveObject(store, { key: image.manifest.replace(/manifest\.json$/, name), size, digest }, { signal, onProgress });
      options.pass(digest, name);
    } catch (error) {
      options.fail(error, name);
    }
    before += size;
  }
  emit({ type: 'step.finished', step: 'files', durationMs: performance.now() - started, reused: false });
}
