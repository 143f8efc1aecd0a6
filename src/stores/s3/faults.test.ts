import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startFakeStore, type StoreAtFake } from '../../../test/fakes/s3-store.ts';
import type { Store } from '../../model/store.ts';
import { defaultStoreSettings } from '../../model/store-settings.ts';
import { digestOf } from '../../util/digest.ts';
import { AppError } from '../../util/errors.ts';
import { Scope } from '../../util/scope.ts';
import { openS3Store } from '../s3.ts';

const scope = new Scope();
let fake: StoreAtFake;
beforeEach(async () => {
  fake = await startFakeStore(scope);
});
afterEach(() => scope.close());

const write = (store: Store): Promise<unknown> => store.put('k', { bytes: Buffer.from('x') }, { digest: digestOf('x'), size: 1 });
async function list(store: Store): Promise<void> {
  for await (const _ of store.list('')) return;
}
const operations: [string, (store: Store) => Promise<unknown>][] = [
  ['put', write],
  ['get', async (store) => text(await store.get('k'))],
  ['head', (store) => store.head('k')],
  ['list', list],
  ['delete', (store) => store.delete('k')],
];

async function failure(work: Promise<unknown>): Promise<{ code: string; message: string; hint: string }> {
  const error: unknown = await work.then(
    () => new Error('no error'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof AppError) return { code: error.code, message: error.message, hint: error.hint ?? '' };
  throw error;
}

/** A store with the fake's credentials and another place. */
function openAt(url: string, endpoint = fake.s3.url): Store {
  const environment = { AWS_ACCESS_KEY_ID: fake.s3.accessKey, AWS_SECRET_ACCESS_KEY: fake.s3.secretKey };
  const settings = { ...defaultStoreSettings(url), endpoint, region: 'us-east-1' };
  return openS3Store(url, { settings, environment, stateDir: fake.folder, emit: () => undefined });
}

describe('what an endpoint refuses is said in plain words', () => {
  it.each([
    ['put', 'put', 's3:PutObject', 'Cannot write some/prefix/k'],
    ['get', 'get', 's3:GetObject', 'Cannot read some/prefix/k'],
    ['get', 'head', 's3:GetObject', 'Cannot look at some/prefix/k'],
    ['list', 'list', 's3:ListBucket', 'Cannot list some/prefix/'],
    ['delete', 'delete', 's3:DeleteObject', 'Cannot delete some/prefix/k'],
  ] as const)('no right to %s (%s)', async (right, operation, named, what) => {
    await write(fake.open());
    fake.s3.deny.add(right);
    const work = operations.find(([name]) => name === operation)?.[1];
    const { code, message, hint } = await failure(work?.(fake.open()) ?? Promise.resolve());
    expect(code).toBe('STORE_DENIED');
    expect(message).toBe(`${what} in bucket images at ${fake.s3.url}: these credentials lack the right ${named}`);
    expect(hint).toContain(`Grant ${named} on arn:aws:s3:::images`);
  });

  it.each(operations)('no such bucket (%s)', async (_, work) => {
    const { code, message } = await failure(work(openAt('s3://imags/x')));
    expect(code).toBe('CONFIG_INVALID');
    expect(message).toMatch(new RegExp(`bucket imags at ${fake.s3.url}: there is no bucket imags$`));
  });

  it.each(operations)('a wrong secret (%s)', async (_, work) => {
    const { code, message } = await failure(work(fake.open({}, { SECRET: 'not the secret' })));
    expect([code, message]).toEqual(['STORE_DENIED', expect.stringContaining('the signature does not match')]);
  });

  it('a region that is not its own', async () => {
    const { code, message } = await failure(write(fake.open({ region: 'eu-north-7' })));
    expect([code, message]).toEqual(['CONFIG_INVALID', expect.stringContaining('the bucket is not in the region eu-north-7')]);
    expect(message).toContain('us-east-1');
  });

  it('a way of asking that it does not know', async () => {
    fake.s3.inject({ kind: 'error', code: 'NotImplemented', on: 'PutObject', rate: 1 });
    const { message, hint } = await failure(write(fake.open()));
    expect(message).toContain('does not know this way of asking');
    expect(hint).toContain('gabarit store doctor');
  });
});

describe('an endpoint that is not reached', () => {
  it('does not listen', async () => {
    await fake.s3.close();
    const startMs = performance.now();
    const { code, message } = await failure(write(fake.open()));
    expect([code, message]).toEqual(['STORE_FAILED', expect.stringContaining('it does not answer (ECONNREFUSED)')]);
    expect(performance.now() - startMs).toBeLessThan(20_000);
    // It is closed again at the end.
    fake.s3.close = async () => undefined;
  });

  it('has a name that nobody knows', async () => {
    const { message } = await failure(write(openAt('s3://images', 'http://s3.nowhere.invalid')));
    expect(message).toMatch(/its name cannot be resolved|it does not answer \(EAI_AGAIN\)/);
  });

  it('speaks no TLS', async () => {
    const { code, message } = await failure(write(openAt('s3://images', fake.s3.url.replace('http:', 'https:'))));
    expect([code, message]).toEqual(['CONFIG_INVALID', expect.stringContaining('no TLS is spoken there')]);
  });
});
