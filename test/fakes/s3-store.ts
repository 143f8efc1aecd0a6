import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Store } from '../../src/model/store.ts';
import { defaultStoreSettings, type StoreSettings } from '../../src/model/store-settings.ts';
import { openS3Store } from '../../src/stores/s3.ts';
import type { EventBody } from '../../src/util/events.ts';
import type { Scope } from '../../src/util/scope.ts';
import { type FakeS3, type FakeS3Options, startS3 } from './s3.ts';

/** An S3 store at the fake server, in the bucket `images` below `some/prefix`, with small parts. */
export interface StoreAtFake {
  s3: FakeS3;
  /** Opens the same store again, as another process would. */
  open: (more?: Partial<StoreSettings>, environment?: Record<string, string>) => Store;
  /** What the stores said. */
  events: EventBody[];
  /** Empty; gone with the scope. */
  folder: string;
}

export const partBytes = 64 * 1024;

export async function startFakeStore(scope: Scope, options: FakeS3Options = {}): Promise<StoreAtFake> {
  const s3 = await startS3({ ...options, buckets: ['images'], dialect: { minPartBytes: 1, ...options.dialect } });
  scope.defer(() => s3.close());
  const folder = await mkdtemp(join(tmpdir(), 'gabarit-s3-'));
  scope.defer(() => rm(folder, { recursive: true }));
  const events: EventBody[] = [];
  const url = 's3://images/some/prefix';
  return {
    s3,
    events,
    folder,
    open: (more = {}, environment = {}) => {
      const settings: StoreSettings = {
        ...defaultStoreSettings(url),
        endpoint: s3.url,
        region: s3.region,
        partSize: partBytes,
        credentials: { accessKey: 'env:ACCESS', secretKey: 'env:SECRET' },
        ...more,
      };
      const variables = { ACCESS: s3.accessKey, SECRET: s3.secretKey, ...environment };
      return openS3Store(url, {
        settings,
        environment: variables,
        stateDir: join(folder, 'state'),
        emit: (event) => events.push(event),
      });
    },
  };
}
