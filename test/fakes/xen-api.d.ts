/** The parts of the npm package xen-api that tests use; it has no types of its own. */
declare module 'xen-api' {
  import type { Readable } from 'node:stream';

  interface XapiObject {
    $ref: string;
    $type: string;
    uuid: string;
    name_label?: string;
    [field: string]: unknown;
  }

  interface Client {
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    objectsFetched: Promise<void>;
    objects: { all: Record<string, XapiObject> };
    pool: XapiObject;
    call(method: string, ...parameters: unknown[]): Promise<unknown>;
    callAsync(method: string, ...parameters: unknown[]): Promise<unknown>;
    putResource(body: Readable | Buffer, path: string, options: { query?: object; task?: boolean | string }): Promise<unknown>;
    getResource(
      path: string,
      options: { query?: object; task?: boolean | string },
    ): Promise<{ body: Readable; task?: Promise<unknown> }>;
    getObjectByRef(ref: string): XapiObject;
    barrier(ref?: string): Promise<XapiObject>;
  }

  export function createClient(options: {
    url: string;
    auth: { user: string; password: string };
    allowUnauthorized: boolean;
    transport?: 'json-rpc' | 'xml-rpc' | 'auto';
    watchEvents?: boolean;
    debounce?: number;
    eventPollDelay?: number;
  }): Client;
}
