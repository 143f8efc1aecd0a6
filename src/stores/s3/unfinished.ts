import {
  AbortMultipartUploadCommand,
  type ListMultipartUploadsCommandInput,
  type ListMultipartUploadsCommandOutput,
  type ListPartsCommandInput,
  type ListPartsCommandOutput,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  type MultipartUpload,
} from '@aws-sdk/client-s3';
import { AppError } from '../../util/errors.ts';
import type { Connection } from './connection.ts';
import { md5Of } from './etags.ts';
import { layoutOfParts, type PartLayout } from './part-layout.ts';
import { failureOf } from './transient.ts';

/** Uploads that were begun and not completed: of processes that were killed, or that run elsewhere at this moment. */

export interface SentPart {
  size: number;
  /** Hex; undefined when the tag of this endpoint is no MD5. */
  md5: string | undefined;
  etag: string;
}

export interface Unfinished {
  uploadId: string;
  layout: PartLayout;
  parts: Map<number, SentPart>;
}

const dayMs = 24 * 60 * 60 * 1000;

/** The unfinished upload of a key that has most of it; undefined when there is none, or when the endpoint does not tell. */
export async function findUnfinished(
  connection: Connection,
  key: string,
  configured: PartLayout,
  signal: AbortSignal | undefined,
): Promise<Unfinished | undefined> {
  const found: Unfinished[] = [];
  for (const { Key, UploadId } of await listUploads(connection, key, signal).catch(noneIfNotListed)) {
    if (Key !== key || UploadId === undefined) continue;
    const { parts } = await partsOf(connection, key, UploadId, signal);
    const layout = layoutOfParts(configured.size, configured, parts);
    if (layout) found.push({ uploadId: UploadId, layout, parts });
  }
  return found.toSorted((a, b) => b.parts.size * b.layout.partSize - a.parts.size * a.layout.partSize)[0];
}

/** An upload that nobody goes on with. */
export interface Leftover {
  /** In the bucket. */
  key: string;
  uploadId: string;
  begun: Date;
  /** When its last part arrived; when it was begun, where there is none. */
  touched: Date;
  parts: number;
  bytes: number;
}

/** The uploads below a prefix to which nothing was added for so long. @throws AppError when the endpoint does not list them */
export async function findLeftovers(
  connection: Connection,
  prefix: string,
  olderThanMs: number,
  signal: AbortSignal | undefined,
  now = Date.now(),
): Promise<Leftover[]> {
  const found: Leftover[] = [];
  for (const { Key, UploadId, Initiated } of await listUploads(connection, prefix, signal)) {
    if (!Key?.startsWith(prefix) || UploadId === undefined || Initiated === undefined) continue;
    if (now - Initiated.getTime() < olderThanMs) continue;
    const { parts, youngestMs } = await partsOf(connection, Key, UploadId, signal);
    if (youngestMs > now - olderThanMs) continue;
    const bytes = [...parts.values()].reduce((sum, { size }) => sum + size, 0);
    const touched = new Date(Math.max(youngestMs, Initiated.getTime()));
    found.push({ key: Key, uploadId: UploadId, begun: Initiated, touched, parts: parts.size, bytes });
  }
  return found;
}

/** Ends the uploads below a prefix that nobody went on with for a day. Returns how many. */
export async function sweepUnfinished(
  connection: Connection,
  prefix: string,
  signal: AbortSignal | undefined,
  now = Date.now(),
): Promise<number> {
  const leftovers = await findLeftovers(connection, prefix, dayMs, signal, now).catch(noneIfNotListed);
  for (const { key, uploadId } of leftovers) await abortUpload(connection, key, uploadId, signal);
  return leftovers.length;
}

/** Throws the parts of an upload away. It is no failure that it is gone already. */
export async function abortUpload(connection: Connection, key: string, uploadId: string, signal?: AbortSignal): Promise<void> {
  const { bucket } = connection.settings;
  const operation = { verb: 'sweep', right: 's3:AbortMultipartUpload', key } as const;
  await connection
    .call(
      operation,
      (client, http) => client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId }), http),
      { signal, isAnswer: isNoSuchUpload },
    )
    .catch((error: unknown) => {
      if (!isNoSuchUpload(error)) throw error;
    });
}

export function isNoSuchUpload(error: unknown): boolean {
  return failureOf(error).name === 'NoSuchUpload';
}

async function listUploads(connection: Connection, prefix: string, signal: AbortSignal | undefined): Promise<MultipartUpload[]> {
  const { bucket } = connection.settings;
  const uploads: MultipartUpload[] = [];
  let marker: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
  while (marker) {
    const input: ListMultipartUploadsCommandInput = { Bucket: bucket, Prefix: prefix, ...marker };
    const operation = { verb: 'list', right: 's3:ListBucketMultipartUploads', key: prefix } as const;
    const page: ListMultipartUploadsCommandOutput = await connection.call(
      operation,
      (client, http) => client.send(new ListMultipartUploadsCommand(input), http),
      { signal },
    );
    uploads.push(...(page.Uploads ?? []));
    const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page;
    marker = page.IsTruncated && KeyMarker ? { KeyMarker, ...(UploadIdMarker ? { UploadIdMarker } : {}) } : undefined;
  }
  return uploads;
}

/** Those who may not list uploads, or cannot, begin anew each time: that is slower, and no reason to fail. */
function noneIfNotListed(error: unknown): never[] {
  if (error instanceof AppError && cannotList(error)) return [];
  throw error;
}

function cannotList(error: AppError): boolean {
  const { name, status } = failureOf(error.cause);
  return error.code === 'STORE_DENIED' ? name === 'AccessDenied' : status === 501 || status === 405;
}

async function partsOf(
  connection: Connection,
  key: string,
  uploadId: string,
  signal: AbortSignal | undefined,
): Promise<{ parts: Map<number, SentPart>; youngestMs: number }> {
  const parts = new Map<number, SentPart>();
  let youngestMs = 0;
  const operation = { verb: 'list', right: 's3:ListMultipartUploadParts', key } as const;
  let marker: string | undefined = '0';
  while (marker !== undefined) {
    const input: ListPartsCommandInput = {
      Bucket: connection.settings.bucket,
      Key: key,
      UploadId: uploadId,
      PartNumberMarker: marker,
    };
    try {
      const page: ListPartsCommandOutput = await connection.call(
        operation,
        (client, http) => client.send(new ListPartsCommand(input), http),
        { signal, isAnswer: isNoSuchUpload },
      );
      for (const { PartNumber, Size, ETag = '', LastModified } of page.Parts ?? []) {
        if (PartNumber === undefined || Size === undefined) continue;
        parts.set(PartNumber, { size: Size, etag: ETag, md5: md5Of(ETag) });
        youngestMs = Math.max(youngestMs, LastModified?.getTime() ?? 0);
      }
      marker = page.IsTruncated && page.NextPartNumberMarker !== marker ? page.NextPartNumberMarker : undefined;
    } catch (error) {
      // It was completed or ended meanwhile; or the endpoint does not tell.
      if (isNoSuchUpload(error)) return { parts: new Map(), youngestMs: 0 };
      if (error instanceof AppError && cannotList(error)) break;
      throw error;
    }
  }
  return { parts, youngestMs };
}
