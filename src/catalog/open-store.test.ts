import { describe, expect, it } from 'vitest';
import type { Store, StoreContext, StorePlugin } from '../model/store.ts';
import { storesSchema } from '../model/store-settings.ts';
import { openStore } from './open-store.ts';

/** Kinds of stores that only say how they were opened. */
function plugin(id: string, accepts: (url: string) => boolean): StorePlugin {
  return {
    id,
    accepts,
    isLimited: id === 's3',
    open: (url, { settings }) => ({ id, url: `${url} by ${settings?.url ?? 'defaults'}` }) as Store,
  };
}
const plugins = [
  plugin('s3', (url) => url.startsWith('s3://')),
  plugin('file', (url) => url.startsWith('file:') || !/^\w+:/.test(url)),
];
const context: StoreContext = { environment: {}, stateDir: '/state', emit: () => undefined };

function open(reference: string, configured: Record<string, string> = {}): { id: string; url: string } {
  const stores = storesSchema.parse(Object.fromEntries(Object.entries(configured).map(([name, url]) => [name, { url }])));
  const { id, url } = openStore(reference, { plugins, stores, context });
  return { id, url };
}

describe('the store that a word means', () => {
  it('is the configured one of that name, of any kind', () => {
    const stores = { prod: 's3://images/prod', lab: 'file:/srv/lab' };
    expect(open('prod', stores)).toEqual({ id: 's3', url: 's3://images/prod by s3://images/prod' });
    expect(open('lab', stores)).toEqual({ id: 'file', url: 'file:/srv/lab by file:/srv/lab' });
  });

  it('is a folder when it is a path', () => {
    expect(open('/srv').id).toBe('file');
    expect(open('./prod').url).toBe('./prod by defaults');
    expect(open('file:prod').id).toBe('file');
  });

  it('is no folder when it could be a name with a typing error', () => {
    const error = expect(() => open('prdo', { prod: 's3://images' }));
    error.toThrow('No store prdo is configured; did you mean "prod"?');
    expect(() => open('constructor')).toThrow('No store constructor is configured');
  });

  it('is refused when it cannot keep to a limit', () => {
    const limited = { plugins, stores: {}, context: { ...context, limit: 1000 } };
    expect(openStore('s3://images', limited).id).toBe('s3');
    expect(() => openStore('./folder', limited)).toThrow('./folder cannot be written at a limited rate');
  });

  it('says which kinds there are', () => {
    expect(() => open('ftp://x/y')).toThrow('There is no kind of store for ftp://x/y');
  });
});

describe('the settings for a URL', () => {
  const stores = { all: 's3://images', prod: 's3://images/prod', other: 's3://images-2' };

  it('are those of the configured store that holds it, with its own prefix', () => {
    expect(open('s3://images/prod/linux', stores).url).toBe('s3://images/prod/linux by s3://images/prod');
    expect(open('s3://images/production', stores).url).toBe('s3://images/production by s3://images');
    expect(open('s3://images-2/x', stores).url).toBe('s3://images-2/x by s3://images-2');
    expect(open('s3://images-3', stores).url).toBe('s3://images-3 by defaults');
  });

  it('are those of another prefix in the bucket, when there is one only', () => {
    expect(open('s3://b/one', { only: 's3://b/two/' }).url).toBe('s3://b/one by s3://b/two/');
    expect(() => open('s3://b/one', { x: 's3://b/two', y: 's3://b/three' })).toThrow(
      'The stores x and y of the configuration both lie in s3://b',
    );
  });
});
