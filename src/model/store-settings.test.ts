import { describe, expect, it } from 'vitest';
import { parseRate } from './rate.ts';
import { defaultStoreSettings, storesSchema } from './store-settings.ts';

function faults(value: unknown): string[] {
  const result = storesSchema.safeParse(value);
  return result.success ? [] : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('stores of the configuration', () => {
  it('take everything that is documented', () => {
    const credentials = [
      { accessKey: 'env:KEY', secretKey: 'file:/run/secret', sessionToken: 'env:TOKEN' },
      { accessKey: 'env:KEY', secretKey: 'env:SECRET' },
      { profile: 'backup' },
      { process: ['vault-helper', '--json'] },
      { webIdentity: { roleArn: 'arn:aws:iam:::role/ci', tokenFile: '/token', stsEndpoint: 'https://sts.mirror.example' } },
      'environment',
    ];
    const full = {
      url: 's3://images/prod',
      endpoint: 'https://s3.mirror.example:8443',
      region: 'garage',
      addressing: 'virtual-host',
      ca: '/etc/ca.pem',
      checksums: 'always',
      signature: 'v2',
      partSize: '32MiB',
      parallel: 8,
      expectContinue: true,
      readBack: true,
      limit: '20MiB/s',
    };
    for (const each of credentials) {
      const parsed = storesSchema.parse({ prod: { ...full, credentials: each } });
      expect(parsed['prod']).toEqual({ ...full, partSize: 32 * 2 ** 20, limit: 20 * 2 ** 20, credentials: each });
    }
    expect(storesSchema.parse({ lab: { url: 'file:/srv' } })['lab']).toEqual(defaultStoreSettings('file:/srv'));
  });

  it.each([
    ['a name that is none', { 'My store': { url: 's3://b' } }, /My store.*Invalid key|must be a lower-case word/],
    ['no URL', { a: {} }, /^a\.url: /],
    ['a key that is not known', { a: { url: 's3://b', verifyTls: false } }, /verifyTls/],
    ['a secret that is written down', { a: { url: 's3://b', credentials: { accessKey: 'AKIA', secretKey: 'x' } } }, /env:NAME/],
    [
      'a mixture of credentials',
      { a: { url: 's3://b', credentials: { profile: 'x', accessKey: 'env:X' } } },
      /^a\.credentials: /,
    ],
    ['an endpoint that is none', { a: { url: 's3://b', endpoint: 's3.mirror.example' } }, /^a\.endpoint: /],
    ['parts that S3 refuses', { a: { url: 's3://b', partSize: '1MiB' } }, /^a\.partSize: must be from 5MiB to 1GiB/],
    ['no rate', { a: { url: 's3://b', limit: 'slow' } }, /^a\.limit: must be a rate such as 20MiB\/s/],
    ['S3 for a folder', { a: { url: 'file:/srv', region: 'x' } }, /^a\.region: is for s3:\/\/ URLs only/],
  ])('refuse %s', (_, value, message) => {
    expect(faults(value).join('\n')).toMatch(message);
  });

  it('know rates', () => {
    expect(['20MiB/s', '1GiB', '512 KiB/s', '0', 'x/s', '10MB/s'].map(parseRate)).toEqual([
      20 * 2 ** 20,
      2 ** 30,
      512 * 2 ** 10,
      undefined,
      undefined,
      undefined,
    ]);
  });
});
