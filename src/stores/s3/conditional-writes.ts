import { DeleteObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { digestOf, shortDigest } from '../../util/digest.ts';
import { writeFileAtomic } from '../../util/files.ts';
import type { Connection } from './connection.ts';
import { plainTag } from './etags.ts';
import { failureOf } from './transient.ts';

/** Below this prefix a store tries out what an endpoint does; it is no object of anybody. */
export const probePrefix = 'gabarit-probe/';

/** Which conditions of a write an endpoint honours; and how it wants the tag: most want it quoted, older Ceph wants it plain. */
const conditions = z.object({ ifAbsent: z.boolean(), ifMatch: z.enum(['no', 'quoted', 'plain']) });
export type Conditions = z.infer<typeof conditions>;

const known = conditions.extend({ atMs: z.number() });
const dayMs = 24 * 60 * 60 * 1000;

/** Whether the endpoint honours conditions: asked once a day, by a few small requests. */
export async function findConditions(connection: Connection, stateDir: string, now = Date.now()): Promise<Conditions> {
  const { endpoint, region, bucket, prefix, signature } = connection.settings;
  const name = shortDigest(digestOf([endpoint, region, bucket, prefix, signature].join('\n')));
  const path = join(stateDir, 's3', `${name}.json`);
  const remembered = known.safeParse(await readJson(path));
  if (remembered.success && now - remembered.data.atMs < dayMs && remembered.data.atMs <= now) {
    const { ifAbsent, ifMatch } = remembered.data;
    return { ifAbsent, ifMatch };
  }
  const found = await probe(connection);
  await mkdir(dirname(path), { recursive: true });
  await writeFileAtomic(path, `${JSON.stringify({ ...found, atMs: now })}\n`);
  return found;
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    // Not there, or not readable: then it is asked anew.
    return undefined;
  }
}

/** A write that must be carried out, and one that must be refused: only an endpoint that does both honours the condition. */
async function probe(connection: Connection): Promise<Conditions> {
  const { bucket, prefix } = connection.settings;
  const key = `${prefix}${probePrefix}${randomUUID()}`;
  const write = (body: string, condition: { IfNoneMatch?: string; IfMatch?: string }) =>
    ask(connection, key, (client) => client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body, ...condition })));
  try {
    const first = await write('1', { IfNoneMatch: '*' });
    const again = await write('2', { IfNoneMatch: '*' });
    const ifAbsent = first.isDone && again.isRefused;
    const before = ifAbsent ? first : await write('3', {});
    const wrong = await write('4', { IfMatch: '"00000000000000000000000000000000"' });
    if (!wrong.isRefused) return { ifAbsent, ifMatch: 'no' };
    const tag = plainTag(before.etag);
    if ((await write('5', { IfMatch: `"${tag}"` })).isDone) return { ifAbsent, ifMatch: 'quoted' };
    return { ifAbsent, ifMatch: (await write('5', { IfMatch: tag })).isDone ? 'plain' : 'no' };
  } finally {
    const operation = { verb: 'delete', right: 's3:DeleteObject', key } as const;
    await connection.call(operation, (client) => client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key })));
  }
}

interface Answer {
  isDone: boolean;
  /** Because of the condition. */
  isRefused: boolean;
  etag?: string | undefined;
}

async function ask(
  connection: Connection,
  key: string,
  send: (client: S3Client) => Promise<{ ETag?: string | undefined }>,
): Promise<Answer> {
  // An endpoint that does not know the header may answer in many ways, but neither 200 nor 412.
  const isAnswer = (error: unknown): boolean => [400, 409, 412, 501].includes(failureOf(error).status ?? 0);
  try {
    const { ETag } = await connection.call({ verb: 'write', right: 's3:PutObject', key }, send, { isAnswer });
    return { isDone: true, isRefused: false, etag: ETag };
  } catch (error) {
    if (!isAnswer(error)) throw error;
    return { isDone: false, isRefused: failureOf(error).status === 412 };
  }
}
