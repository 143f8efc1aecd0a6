import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { Agent } from 'node:http';
import type { LookupFunction } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterEach, describe, expect, it } from 'vitest';
import { Scope } from '../../src/util/scope.ts';
import { type FakeS3, type FakeS3Options, startS3 } from './s3.ts';
import { startProxy } from './s3/proxy.ts';

/** The server is tested with Amazon's own client, which knows nothing of it. */

const mebibyte = 2 ** 20;
const Bucket = 'images';
let scope = new Scope();
afterEach(async () => {
  await scope.close();
  scope = new Scope();
});

async function start(options: FakeS3Options = {}): Promise<FakeS3> {
  const server = await startS3({ buckets: [Bucket], ...options });
  scope.defer(() => server.close());
  return server;
}

function clientOf(server: FakeS3, config: S3ClientConfig = {}): S3Client {
  const client = new S3Client({
    endpoint: server.url,
    region: server.region,
    forcePathStyle: true,
    credentials: { accessKeyId: server.accessKey, secretAccessKey: server.secretKey },
    maxAttempts: 1,
    ...config,
  });
  scope.defer(() => client.destroy());
  return client;
}

const required = { requestChecksumCalculation: 'WHEN_REQUIRED', responseChecksumValidation: 'WHEN_REQUIRED' } as const;

async function bytesOf(client: S3Client, Key: string, more: { Range?: string } = {}): Promise<Buffer> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

describe('objects', () => {
  it.each([{}, required])('come back as they went, whatever the checksums (%j)', async (config) => {
    const server = await start();
    const client = clientOf(server, config);
    const bytes = randomBytes(3 * mebibyte);
    const put = await client.send(new PutObjectCommand({ Bucket, Key: 'a/b.raw', Body: bytes, Metadata: { sha: 'x' } }));
    expect(put.ETag).toBe(`"${md5(bytes)}"`);
    expect((await bytesOf(client, 'a/b.raw')).equals(bytes)).toBe(true);
    expect(await bytesOf(client, 'a/b.raw', { Range: 'bytes=1048570-1048585' })).toEqual(bytes.subarray(1048570, 1048586));
    expect(await bytesOf(client, 'a/b.raw', { Range: 'bytes=-7' })).toEqual(bytes.subarray(-7));
    expect(await bytesOf(client, 'a/b.raw', { Range: 'bytes=3000000-' })).toEqual(bytes.subarray(3_000_000));
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'a/b.raw' }));
    expect(head).toMatchObject({ ContentLength: bytes.length, ETag: `"${md5(bytes)}"`, Metadata: { sha: 'x' } });
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'a/b.raw' }));
    await expect(client.send(new GetObjectCommand({ Bucket, Key: 'a/b.raw' }))).rejects.toMatchObject({ name: 'NoSuchKey' });
    await expect(client.send(new HeadObjectCommand({ Bucket, Key: 'a/b.raw' }))).rejects.toMatchObject({ name: 'NotFound' });
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'a/b.raw' }));
    const [first] = server.requests;
    expect(first).toMatchObject({ operation: 'PutObject', key: 'a/b.raw', received: bytes.length, status: 200, signature: 'v4' });
    expect(server.requests[1]).toMatchObject({ operation: 'GetObject', received: 0, sent: bytes.length });
    expect(first?.headers['x-amz-checksum-crc32'] === undefined).toBe(config === required);
    expect(first?.headers['expect']).toBe('100-continue');
  });

  it('streams with the checksum behind them, and without', async () => {
    const server = await start();
    const bytes = randomBytes(200_000);
    const Body = (): Readable => Readable.from([bytes.subarray(0, 70_000), bytes.subarray(70_000)]);
    const put = (Key: string): PutObjectCommand =>
      new PutObjectCommand({ Bucket, Key, Body: Body(), ContentLength: bytes.length });
    const client = clientOf(server);
    await client.send(put('trailer'));
    expect(server.requests[0]?.headers['x-amz-content-sha256']).toBe('STREAMING-UNSIGNED-PAYLOAD-TRAILER');
    expect(await bytesOf(client, 'trailer')).toEqual(bytes);
    await clientOf(server, required).send(put('plain'));
    expect(server.requests.at(-1)?.headers['x-amz-content-sha256']).toBe('UNSIGNED-PAYLOAD');
    expect(await server.read(Bucket, 'plain')).toEqual(bytes);
  });

  it.each(['a b', 'ä/é+ü', 'x&y=z?#', "it's(1)*!~", 'tab\tnewline\n', '日本/🦆', 'a//b', 'a%2Fb', '.', '..dots'])(
    'has a key %j',
    async (Key) => {
      const client = clientOf(await start());
      await client.send(new PutObjectCommand({ Bucket, Key, Body: 'x' }));
      expect((await bytesOf(client, Key)).toString()).toBe('x');
      const list = await client.send(new ListObjectsV2Command({ Bucket, EncodingType: 'url' }));
      expect(list.Contents?.map((item) => decodeURIComponent(item.Key ?? ''))).toEqual([Key]);
      const deleted = await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key }] } }));
      expect(deleted.Errors ?? []).toEqual([]);
    },
  );

  it('lists in pages, by prefix and by folder, in the order of bytes', async () => {
    const server = await start({ dialect: { pageSize: 3 } });
    const client = clientOf(server);
    const keys = ['a', 'a-b', 'a/1', 'a/2', 'a/3/x', 'a/3/y', 'b', 'z', 'é'];
    for (const key of keys.toReversed()) await server.plant(Bucket, key, Buffer.from(key));
    const pages = async (more: {
      Prefix?: string;
      Delimiter?: string;
      MaxKeys?: number;
      StartAfter?: string;
    }): Promise<string[]> => {
      const found: string[] = [];
      let ContinuationToken: string | undefined;
      do {
        const page = await client.send(
          new ListObjectsV2Command({ Bucket, ...more, ...(ContinuationToken ? { ContinuationToken } : {}) }),
        );
        expect(page.KeyCount).toBeLessThanOrEqual(more.MaxKeys ?? 3);
        found.push(
          ...(page.Contents ?? []).map(({ Key }) => Key ?? ''),
          ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix ?? ''),
        );
        ContinuationToken = page.NextContinuationToken;
        expect(page.IsTruncated).toBe(ContinuationToken !== undefined);
      } while (ContinuationToken);
      return found;
    };
    expect(await pages({})).toEqual(keys);
    expect(await pages({ MaxKeys: 1 })).toEqual(keys);
    expect(await pages({ Prefix: 'a/' })).toEqual(keys.slice(2, 6));
    expect(await pages({ Delimiter: '/', MaxKeys: 1 })).toEqual(['a', 'a-b', 'a/', 'b', 'z', 'é']);
    expect((await pages({ Prefix: 'a/', Delimiter: '/' })).toSorted()).toEqual(['a/1', 'a/2', 'a/3/']);
    expect(await pages({ StartAfter: 'a/3/x' })).toEqual(['a/3/y', 'b', 'z', 'é']);
    expect(await pages({ Prefix: 'none' })).toEqual([]);
  });

  it('refuses bytes that are not what was promised', async () => {
    const server = await start();
    const client = clientOf(server);
    const put = (more: object): Promise<unknown> => client.send(new PutObjectCommand({ Bucket, Key: 'x', Body: 'x', ...more }));
    await expect(put({ ContentMD5: createHash('md5').update('y').digest('base64') })).rejects.toMatchObject({
      name: 'BadDigest',
    });
    await expect(put({ ContentMD5: 'short' })).rejects.toMatchObject({ name: 'InvalidDigest' });
    await expect(put({ ChecksumCRC32: 'AAAAAA==' })).rejects.toMatchObject({ name: 'BadDigest' });
    await put({ ChecksumAlgorithm: 'CRC32C' });
    await put({ ChecksumAlgorithm: 'SHA256' });
    await put({ ChecksumAlgorithm: 'SHA1' });
    // The body is exchanged after it was signed.
    const proxy = await startProxy(server.url);
    scope.defer(() => proxy.close());
    client.middlewareStack.add((next) => (args) => next({ ...args, request: { ...(args.request as object), body: 'z' } }), {
      step: 'finalizeRequest',
      priority: 'low',
    });
    await expect(put({})).rejects.toMatchObject({ name: 'XAmzContentSHA256Mismatch' });
    expect((await server.read(Bucket, 'x'))?.toString()).toBe('x');
  });

  it('keeps them in a folder when told so, and nothing that is gone', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gabarit-s3-'));
    scope.defer(() => rm(folder, { recursive: true }));
    const server = await start({ folder });
    const client = clientOf(server);
    const bytes = randomBytes(2 * mebibyte + 5);
    for (const Key of ['a', 'b', 'a']) await client.send(new PutObjectCommand({ Bucket, Key, Body: bytes }));
    expect((await bytesOf(client, 'a')).equals(bytes)).toBe(true);
    expect(await readdir(folder)).toHaveLength(2);
    await client.send(new DeleteObjectCommand({ Bucket, Key: 'a' }));
    expect(await readdir(folder)).toHaveLength(1);
  });
});

describe('buckets', () => {
  it('are made, found, named missing and removed', async () => {
    const server = await start({ region: 'eu-west-3' });
    const client = clientOf(server);
    await client.send(new CreateBucketCommand({ Bucket: 'second' }));
    expect((await client.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name)).toEqual([Bucket, 'second']);
    expect(await client.send(new HeadBucketCommand({ Bucket }))).toMatchObject({ BucketRegion: 'eu-west-3' });
    expect(await client.send(new GetBucketLocationCommand({ Bucket }))).toMatchObject({ LocationConstraint: 'eu-west-3' });
    await client.send(new DeleteBucketCommand({ Bucket: 'second' }));
    await expect(client.send(new PutObjectCommand({ Bucket: 'second', Key: 'x', Body: 'x' }))).rejects.toMatchObject({
      name: 'NoSuchBucket',
    });
    await expect(client.send(new HeadBucketCommand({ Bucket: 'second' }))).rejects.toMatchObject({ name: 'NotFound' });
  });

  it('can be named by the host', async () => {
    const server = await start();
    const lookup: LookupFunction = (_name, options, done) =>
      options.all ? done(null, [{ address: '127.0.0.1', family: 4 }]) : done(null, '127.0.0.1', 4);
    // Node gives the options of an agent to each connection.
    const httpAgent = new Agent({ lookup });
    scope.defer(() => httpAgent.destroy());
    const requestHandler = new NodeHttpHandler({ httpAgent });
    const client = clientOf(server, { endpoint: `http://s3.test:${server.port}`, forcePathStyle: false, requestHandler });
    await client.send(new PutObjectCommand({ Bucket, Key: 'a b', Body: 'x' }));
    expect(server.requests[0]).toMatchObject({
      host: `images.s3.test:${server.port}`,
      url: '/a%20b?x-id=PutObject',
      bucket: Bucket,
    });
    expect((await bytesOf(client, 'a b')).toString()).toBe('x');
    server.dialect.styles = ['virtual'];
    expect((await bytesOf(client, 'a b')).toString()).toBe('x');
    await expect(bytesOf(clientOf(server), 'a b')).rejects.toMatchObject({ name: 'SecondLevelDomainForbidden' });
    server.dialect.styles = ['path'];
    await expect(bytesOf(client, 'a b')).rejects.toMatchObject({ name: 'NoSuchBucket' });
  });
});

describe('uploads in parts', () => {
  async function begin(client: S3Client, Key = 'big'): Promise<{ Bucket: string; Key: string; UploadId: string }> {
    const { UploadId = '' } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    return { Bucket, Key, UploadId };
  }

  it('are listed, completed with their tags, and aborted', async () => {
    const server = await start({ dialect: { pageSize: 2 } });
    const client = clientOf(server);
    const upload = await begin(client);
    const parts = [5, 6, 1].map((size) => randomBytes(size * mebibyte));
    const Parts: { PartNumber: number; ETag: string }[] = [];
    for (const [at, Body] of parts.entries()) {
      const { ETag = '' } = await client.send(new UploadPartCommand({ ...upload, PartNumber: at + 1, Body }));
      Parts.push({ PartNumber: at + 1, ETag });
    }
    const page = await client.send(new ListPartsCommand(upload));
    expect(page).toMatchObject({ IsTruncated: true, NextPartNumberMarker: '2' });
    expect(page.Parts?.map(({ PartNumber, Size, ETag }) => [PartNumber, Size, ETag])).toEqual(
      [0, 1].map((at) => [at + 1, parts[at]?.length, `"${md5(parts[at] ?? Buffer.alloc(0))}"`]),
    );
    expect((await client.send(new ListPartsCommand({ ...upload, PartNumberMarker: '2' }))).Parts).toHaveLength(1);
    const other = await begin(client, 'other');
    expect((await client.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads?.map(({ Key }) => Key)).toEqual([
      'big',
      'other',
    ]);
    const complete = (list: typeof Parts): Promise<{ ETag?: string | undefined }> =>
      client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: list } }));
    const swapped = [Parts[1], Parts[0]].filter((part) => part !== undefined);
    await expect(complete(swapped)).rejects.toMatchObject({ name: 'InvalidPartOrder' });
    await expect(complete(Parts.map((part) => ({ ...part, ETag: '"0"' })))).rejects.toMatchObject({ name: 'InvalidPart' });
    const done = await complete(Parts);
    const whole = createHash('md5');
    for (const part of parts) whole.update(Buffer.from(md5(part), 'hex'));
    expect(done.ETag).toBe(`"${whole.digest('hex')}-3"`);
    expect((await bytesOf(client, 'big')).equals(Buffer.concat(parts))).toBe(true);
    expect(await bytesOf(client, 'big', { Range: `bytes=${5 * mebibyte - 2}-${5 * mebibyte + 1}` })).toEqual(
      Buffer.concat(parts).subarray(5 * mebibyte - 2, 5 * mebibyte + 2),
    );
    await expect(complete(Parts)).rejects.toMatchObject({ name: 'NoSuchUpload' });
    await client.send(new AbortMultipartUploadCommand(other));
    expect(server.uploads(Bucket)).toEqual([]);
    await expect(client.send(new ListPartsCommand(other))).rejects.toMatchObject({ name: 'NoSuchUpload' });
  });

  it('have parts of 5 MiB at least', async () => {
    const client = clientOf(await start());
    const upload = await begin(client);
    const Parts = [];
    for (const PartNumber of [1, 2]) {
      const { ETag = '' } = await client.send(new UploadPartCommand({ ...upload, PartNumber, Body: 'small' }));
      Parts.push({ PartNumber, ETag });
    }
    const complete = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } });
    await expect(client.send(complete)).rejects.toMatchObject({ name: 'EntityTooSmall' });
  });
});

describe('conditions', () => {
  it('are honoured, also in a race, or ignored', async () => {
    const server = await start();
    const client = clientOf(server);
    const put = (Body: string, more: object): Promise<{ ETag?: string | undefined }> =>
      client.send(new PutObjectCommand({ Bucket, Key: 'index', Body, ...more }));
    const { ETag: first } = await put('1', { IfNoneMatch: '*' });
    await expect(put('2', { IfNoneMatch: '*' })).rejects.toMatchObject({ name: 'PreconditionFailed' });
    const { ETag: second } = await put('2', { IfMatch: first });
    await expect(put('3', { IfMatch: first })).rejects.toMatchObject({ name: 'PreconditionFailed' });
    server.inject({ kind: 'slow', bytesPerSecond: 2000, times: 2 });
    const race = await Promise.allSettled(['x'.repeat(200), 'y'.repeat(240)].map((body) => put(body, { IfMatch: second })));
    expect(race.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(race.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { name: 'ConditionalRequestConflict' } });
    server.dialect = { ...server.dialect, ifMatch: 'ignore', ifNoneMatch: 'ignore' };
    await put('4', { IfMatch: first });
    await put('5', { IfNoneMatch: '*' });
    expect((await server.read(Bucket, 'index'))?.toString()).toBe('5');
    server.dialect.ifMatch = 'refuse';
    await expect(put('6', { IfMatch: first })).rejects.toMatchObject({ name: 'NotImplemented' });
  });
});

describe('dialects', () => {
  const put = (client: S3Client, Body: string | Readable = 'x', more: object = {}): Promise<unknown> =>
    client.send(new PutObjectCommand({ Bucket, Key: 'x', Body, ...more }));

  it('may know no checksums', async () => {
    const server = await start({ dialect: { checksums: 501 } });
    await expect(put(clientOf(server))).rejects.toMatchObject({ name: 'NotImplemented', $metadata: { httpStatusCode: 501 } });
    await put(clientOf(server, required));
    server.dialect.checksums = 400;
    await expect(put(clientOf(server))).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 } });
  });

  it('may know no trailers', async () => {
    const server = await start({ dialect: { trailers: 411 } });
    const stream = { ContentLength: 1 };
    await expect(put(clientOf(server), Readable.from(['x']), stream)).rejects.toMatchObject({ name: 'MissingContentLength' });
    await put(clientOf(server, required), Readable.from(['x']), stream);
    await put(clientOf(server));
    server.dialect.trailers = 501;
    await expect(put(clientOf(server), Readable.from(['x']), stream)).rejects.toMatchObject({ name: 'NotImplemented' });
  });

  it('may be of another region, clock, key or token', async () => {
    const server = await start({ region: 'garage' });
    await put(clientOf(server));
    await expect(put(clientOf(server, { region: 'us-east-1' }))).rejects.toMatchObject({
      name: 'AuthorizationHeaderMalformed',
      Region: 'garage',
    });
    server.clockOffsetMs = 20 * 60_000;
    await expect(put(clientOf(server))).rejects.toMatchObject({ name: 'RequestTimeTooSkewed' });
    server.clockOffsetMs = 0;
    const other = { accessKeyId: server.accessKey, secretAccessKey: 'wrong' };
    await expect(put(clientOf(server, { credentials: other }))).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    const unknown = { ...other, accessKeyId: 'AKIANOBODY' };
    await expect(put(clientOf(server, { credentials: unknown }))).rejects.toMatchObject({ name: 'InvalidAccessKeyId' });
    const temporary = { accessKeyId: 'ASIA', secretAccessKey: 's', sessionToken: 'token' };
    server.credentials.set('ASIA', { secretKey: 's', sessionToken: 'token' });
    await put(clientOf(server, { credentials: temporary }));
    server.credentials.set('ASIA', { secretKey: 's', sessionToken: 'token', expired: true });
    await expect(put(clientOf(server, { credentials: temporary }))).rejects.toMatchObject({ name: 'ExpiredToken' });
  });

  it('may deny each right', async () => {
    const server = await start();
    const client = clientOf(server);
    await put(client);
    server.deny = new Set(['put', 'get', 'list', 'delete']);
    const denied = { name: 'AccessDenied' };
    await expect(put(client)).rejects.toMatchObject(denied);
    await expect(bytesOf(client, 'x')).rejects.toMatchObject(denied);
    await expect(client.send(new ListObjectsV2Command({ Bucket }))).rejects.toMatchObject(denied);
    await expect(client.send(new DeleteObjectCommand({ Bucket, Key: 'x' }))).rejects.toMatchObject(denied);
    server.deny = new Set(['list']);
    await expect(bytesOf(client, 'missing')).rejects.toMatchObject(denied);
    expect((await bytesOf(client, 'x')).toString()).toBe('x');
  });

  it('may not understand Expect', async () => {
    const big = Buffer.alloc(3 * mebibyte);
    const server = await start({ dialect: { expect: 417 } });
    await expect(put(clientOf(server), big.toString())).rejects.toMatchObject({ $metadata: { httpStatusCode: 417 } });
    await put(clientOf(server, { expectContinueHeader: false }), big.toString());
    server.dialect.expect = 'never';
    await put(clientOf(server, { expectContinueHeader: false }), big.toString());
  });

  it('may give tags that are no MD5', async () => {
    const server = await start({ dialect: { etag: 'opaque' } });
    const client = clientOf(server);
    await put(client);
    expect((await client.send(new HeadObjectCommand({ Bucket, Key: 'x' }))).ETag).toMatch(/^"opaque-/);
  });
});

describe('faults', () => {
  const put = (client: S3Client, Body: string | Buffer = 'x', Key = 'x'): Promise<unknown> =>
    client.send(new PutObjectCommand({ Bucket, Key, Body }));

  it('strike as often as told, and where', async () => {
    const server = await start();
    const client = clientOf(server);
    server.inject({ kind: 'error', code: 'SlowDown', on: 'PutObject', key: /^struck/, after: 1, times: 2 });
    const outcomes = [];
    for (const key of ['free', 'struck1', 'struck2', 'struck3', 'struck4'])
      outcomes.push(
        await put(client, 'x', key).then(
          () => 'done',
          (error: Error) => error.name,
        ),
      );
    expect(outcomes).toEqual(['done', 'done', 'SlowDown', 'SlowDown', 'done']);
    const remove = server.inject({ kind: 'error', code: 'InternalError', rate: 0.25 });
    const results = [];
    for (let at = 0; at < 12; at += 1)
      results.push(
        await put(client).then(
          () => 1,
          () => 0,
        ),
      );
    expect(results.filter((result) => result === 0)).toHaveLength(3);
    remove();
    await put(client);
    // With more attempts, nobody notices.
    server.inject({ kind: 'error', code: 'SlowDown', times: 2 });
    await put(clientOf(server, { maxAttempts: 3 }));
  });

  it('tear connections in the body, in the answer, and before it', async () => {
    const server = await start();
    const client = clientOf(server, { expectContinueHeader: false });
    const bytes = randomBytes(2 * mebibyte);
    server.inject({ kind: 'cut-request', bytes: mebibyte });
    await expect(put(client, bytes)).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|EPIPE/) as string });
    expect(server.keys(Bucket)).toEqual([]);
    expect(server.requests[0]?.received).toBeLessThan(bytes.length);
    server.inject({ kind: 'lose-answer' });
    await expect(put(client, bytes)).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect((await server.read(Bucket, 'x'))?.equals(bytes)).toBe(true);
    server.inject({ kind: 'cut-answer', bytes: 1000 });
    await expect(bytesOf(client, 'x')).rejects.toThrow('aborted');
    expect(server.requests.at(-1)).toMatchObject({ sent: 1000 });
    server.down(300);
    await expect(bytesOf(client, 'x')).rejects.toMatchObject({ code: 'ECONNRESET' });
    await new Promise((resolve) => setTimeout(resolve, 320));
    expect((await bytesOf(client, 'x')).equals(bytes)).toBe(true);
  });

  it('turn bits in what is stored, in what is answered, and at rest', async () => {
    const server = await start();
    const client = clientOf(server, required);
    const bytes = randomBytes(1000);
    const differing = (other: Buffer): number => bytes.filter((byte, at) => byte !== other[at]).length;
    server.inject({ kind: 'flip-stored' });
    await put(client, bytes);
    expect(differing(await bytesOf(client, 'x'))).toBe(1);
    await put(client, bytes);
    server.inject({ kind: 'flip-answer' });
    expect(differing(await bytesOf(client, 'x'))).toBe(1);
    expect(differing(await bytesOf(client, 'x'))).toBe(0);
    await server.flip(Bucket, 'x', 7);
    expect(differing(await bytesOf(client, 'x'))).toBe(1);
  });

  it('answer a completion with 200 and an error', async () => {
    const server = await start();
    const client = clientOf(server);
    const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key: 'x' }));
    const upload = { Bucket, Key: 'x', UploadId };
    const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: 'x' }));
    const complete = new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } });
    server.inject({ kind: 'error-in-200', on: 'CompleteMultipartUpload', done: false });
    await expect(client.send(complete)).rejects.toMatchObject({ name: 'InternalError' });
    expect(server.keys(Bucket)).toEqual([]);
    server.inject({ kind: 'error-in-200', on: 'CompleteMultipartUpload', done: true });
    await expect(client.send(complete)).rejects.toMatchObject({ name: 'InternalError' });
    expect(server.keys(Bucket)).toEqual(['x']);
  });
});

describe('a proxy in front', () => {
  it('works when it passes the host on, and breaks the signature when it does not', async () => {
    const server = await start();
    const put = async (options: Parameters<typeof startProxy>[1]): Promise<unknown> => {
      const proxy = await startProxy(server.url, options);
      scope.defer(() => proxy.close());
      const client = clientOf(server, { endpoint: proxy.url });
      return client.send(new PutObjectCommand({ Bucket, Key: 'x', Body: randomBytes(3 * mebibyte) }));
    };
    await put({});
    await expect(put({ host: 'backend.internal' })).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
    expect(server.requests.at(-1)?.host).toBe('backend.internal');
    await expect(put({ strip: ['amz-sdk-request'] })).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
  });
});
