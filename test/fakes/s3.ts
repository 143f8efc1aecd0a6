import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { Credential, Identity } from './s3/authenticate.ts';
import { type Dialect, type Operation, type Right, strictDialect } from './s3/dialect.ts';
import { tear } from './s3/exchange.ts';
import { type Fault, Faults } from './s3/faults.ts';
import { serve } from './s3/serve.ts';
import { Bucket, flipBit, keepInFolder, keepInMemory, readRange, type StoredObject } from './s3/storage.ts';

export type { Credential } from './s3/authenticate.ts';
export type { Dialect, Operation, Right } from './s3/dialect.ts';
export type { Fault } from './s3/faults.ts';

export interface FakeS3Options {
  /** What differs from a strict server that is like the original. */
  dialect?: Partial<Dialect>;
  region?: string;
  buckets?: readonly string[];
  accessKey?: string;
  secretKey?: string;
  /** Keeps the bytes in files of this folder instead of in memory. */
  folder?: string;
  /** `BUCKET.DOMAIN` as Host means that bucket. */
  domain?: string;
  /** Speaks TLS, with this key and certificate. */
  tls?: SecureContextOptions;
}

/** A request, and what became of it. */
export interface RecordedRequest {
  method: string;
  /** Path and query as they came. */
  url: string;
  host: string;
  headers: Record<string, string>;
  operation?: Operation;
  bucket?: string;
  key?: string;
  /** Of an upload in parts. */
  part?: number;
  signature?: Identity['signature'];
  /** Bytes of the body, with any frames, that came. */
  received: number;
  /** Bytes of the answer's body that were sent. */
  sent: number;
  /** Absent: the connection was torn, or there is no answer yet. */
  status?: number;
  /** Of an error. */
  code?: string;
}

/** A strict S3 server in this process, with dialects and faults. Everything that is not a method may be changed while it runs. */
export interface FakeS3 {
  url: string;
  port: number;
  domain: string;
  region: string;
  accessKey: string;
  secretKey: string;
  /** By access key. */
  credentials: Map<string, Credential>;
  dialect: Dialect;
  /** Rights that nobody has. */
  deny: Set<Right>;
  /** Its clock minus the true one. */
  clockOffsetMs: number;
  requests: RecordedRequest[];
  /** Returns what takes the fault back. */
  inject(fault: Fault): () => void;
  /** Tears every connection for so long, those there are first. */
  down(ms: number): void;
  read(bucket: string, key: string): Promise<Buffer | undefined>;
  keys(bucket: string): readonly string[];
  /** Uploads in parts that nobody completed or aborted; sizes by part number. */
  uploads(bucket: string): { key: string; id: string; parts: Map<number, number> }[];
  /** Puts an object there without a request. */
  plant(bucket: string, key: string, bytes: Uint8Array): Promise<void>;
  /** Turns one bit of a stored object, as a bad disk would. */
  flip(bucket: string, key: string, atByte: number): Promise<void>;
  close(): Promise<void>;
}

/** Starts it on the loopback interface; `close` ends it. */
export async function startS3(options: FakeS3Options = {}): Promise<FakeS3> {
  const keep = options.folder === undefined ? keepInMemory() : keepInFolder(options.folder);
  const buckets = new Map((options.buckets ?? []).map((name) => [name, new Bucket(name)]));
  const faults = new Faults();
  const sockets = new Set<Socket>();
  let downUntilMs = 0;

  const { accessKey = 'AKIAFAKEFAKEFAKE', secretKey = 'fake+secret/key-of-the-tests' } = options;
  const state = {
    domain: options.domain ?? 's3.test',
    region: options.region ?? 'us-east-1',
    accessKey,
    secretKey,
    credentials: new Map<string, Credential>([[accessKey, { secretKey }]]),
    dialect: { ...strictDialect, ...options.dialect },
    deny: new Set<Right>(),
    clockOffsetMs: 0,
    requests: [] as RecordedRequest[],
  };

  const handle = (request: IncomingMessage, response: ServerResponse, asks: boolean): void => {
    const entry: RecordedRequest = {
      method: request.method ?? '',
      url: request.url ?? '',
      host: request.headers.host ?? '',
      headers: request.headers as Record<string, string>,
      received: 0,
      sent: 0,
    };
    server.requests.push(entry);
    void serve(server, { buckets, keep, faults }, { request, response, entry, asks }).catch((error: unknown) => {
      // Torn connections are the client's or a fault's doing; anything else is a bug of this server, and must be seen.
      if (request.socket.destroyed) return;
      entry.status = 500;
      response.writeHead(500).end(error instanceof Error ? error.stack : String(error));
    });
  };

  const { tls } = options;
  const listener: Server = tls ? createTlsServer(tls) : createServer();
  listener.on('request', (request: IncomingMessage, response: ServerResponse) => handle(request, response, false));
  listener.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => handle(request, response, true));
  listener.on('connection', (socket: Socket) => {
    if (Date.now() < downUntilMs) tear(socket);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // What a client tears is no fault of ours.
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;

  const objectOf = (bucket: string, key: string): StoredObject | undefined => buckets.get(bucket)?.objects.get(key);
  const bytesOf = async ({ segments, size }: StoredObject): Promise<Buffer> => {
    const chunks: Buffer[] = [];
    for await (const chunk of readRange(segments, 0, size)) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  const bucketOf = (name: string): Bucket => {
    const found = buckets.get(name);
    if (!found) throw new Error(`The fake server has no bucket ${name}`);
    return found;
  };

  const server: FakeS3 = Object.assign(state, {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    inject: (fault: Fault) => faults.inject(fault),
    down(ms: number) {
      downUntilMs = Date.now() + ms;
      for (const socket of sockets) tear(socket);
    },
    async read(bucket: string, key: string) {
      const object = objectOf(bucket, key);
      return object && (await bytesOf(object));
    },
    keys: (bucket: string) => bucketOf(bucket).keys(),
    uploads: (bucket: string) =>
      [...bucketOf(bucket).uploads.values()].map(({ key, id, parts }) => ({
        key,
        id,
        parts: new Map([...parts.values()].map(({ number, size }) => [number, size])),
      })),
    async plant(bucket: string, key: string, bytes: Uint8Array) {
      const segments = [await keep([Buffer.from(bytes)])];
      const object = {
        key,
        size: bytes.length,
        etag: `planted-${Date.now()}`,
        modifiedMs: Date.now(),
        headers: {},
        checksums: {},
      };
      await bucketOf(bucket).replace(key, { ...object, segments });
    },
    async flip(bucket: string, key: string, atByte: number) {
      const object = objectOf(bucket, key);
      if (!object) throw new Error(`The fake server has no ${bucket}/${key}`);
      const before = object.segments;
      object.segments = [await keep([flipBit([await bytesOf(object)], atByte)])];
      for (const segment of before) await segment.release();
    },
    async close() {
      listener.closeAllConnections();
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => listener.close(resolve));
    },
  });
  return server;
}
