import { z } from 'zod';
import { type TemplateIndex, templateIndexSchema } from '../model/catalog.ts';
import { checkDocument } from '../model/document.ts';
import type { DocumentSigner, DocumentTrust } from '../model/signer.ts';
import { canonicalJson, type Digest, digestOf } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';

/** The bytes of an index file: what is signed, in its canonical form, and the signatures over exactly that. */

const envelopeSchema = z.looseObject({
  signed: z.record(z.string(), z.unknown()),
  signatures: z.array(z.looseObject({ keyId: z.string(), signature: z.string() })),
});

export interface OpenedDocument {
  /** As it was written. */
  signed: Record<string, unknown>;
  /** Of the canonical bytes of what is signed. */
  digest: Digest;
  /** Ids of trusted keys that signed it; empty where nobody asked for signatures. */
  signedBy: string[];
}

export type OpenedIndex = Omit<OpenedDocument, 'signed'> & { index: TemplateIndex };

/** The bytes of an envelope around a document. */
export async function sealDocument(document: unknown, signer: DocumentSigner | undefined): Promise<Buffer> {
  const signed = canonicalJson(document);
  const signatures = signer ? await signer.sign(Buffer.from(signed)) : [];
  return Buffer.from(`{"signed":${signed},"signatures":${canonicalJson(signatures)}}\n`);
}

/** The digest by which the next index names this one. */
export function digestOfIndex(index: TemplateIndex): Digest {
  return digestOf(canonicalJson(index));
}

/** What an envelope holds; with `trust`, only when somebody trusted has signed it. @throws AppError IMAGE_INVALID, SIGNATURE_INVALID */
export function openEnvelope(text: string, where: string, trust: DocumentTrust | undefined): OpenedDocument {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(where, 'it is not JSON', cause);
  }
  const envelope = envelopeSchema.safeParse(value);
  if (!envelope.success) throw damaged(where, 'it has no "signed" and "signatures"', envelope.error);
  const { signed, signatures } = envelope.data;
  // What is verified is what was written, not what is left of it once it was checked.
  const bytes = Buffer.from(canonicalJson(signed));
  const signedBy = trust?.verify(bytes, signatures) ?? [];
  if (trust && signedBy.length === 0) {
    throw new AppError(
      'SIGNATURE_INVALID',
      signatures.length === 0 ? `${where} is not signed` : `${where} is signed by nobody whom you trust`,
      { hint: 'Do not use what it names. If its signer is to be trusted, add that key to those you trust.' },
    );
  }
  return { signed, digest: digestOf(bytes), signedBy };
}

/** The index of a template from its bytes. @throws AppError IMAGE_INVALID, in its own words when a newer Gabarit wrote it; SIGNATURE_INVALID */
export function openIndex(text: string, template: string, where: string, trust: DocumentTrust | undefined): OpenedIndex {
  const { signed, ...rest } = openEnvelope(text, where, trust);
  const index = checkDocument(signed, templateIndexSchema, 'gabarit.index/1', where);
  if (index.template !== template) throw damaged(where, `it is the index of ${index.template}`);
  return { index, ...rest };
}

function damaged(where: string, reason: string, cause?: unknown): AppError {
  return new AppError('IMAGE_INVALID', `${where} is damaged: ${reason}`, {
    cause,
    hint: 'gabarit catalog repair makes it again from the images that are there.',
  });
}
