import { describe, expect, it } from 'vitest';
import { encodePath, signV4 } from './sigv4.ts';

const key = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
const scope = { region: 'us-east-1', date: new Date('2013-05-24T00:00:00Z') };
const host = 'examplebucket.s3.amazonaws.com';
const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

describe('signature version 4', () => {
  it.each([
    [
      { method: 'GET', path: '/test.txt', query: {}, headers: { host, range: 'bytes=0-9' }, payload: empty },
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ],
    [
      {
        method: 'PUT',
        path: encodePath('/test$file.text'),
        query: {},
        headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', host, 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
        payload: '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
      },
      '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    ],
    [
      { method: 'GET', path: '/', query: { lifecycle: '' }, headers: { host }, payload: empty },
      'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    ],
    [
      { method: 'GET', path: '/', query: { prefix: 'J', 'max-keys': '2' }, headers: { host }, payload: empty },
      '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    ],
  ])('is that of the published examples (%#)', (request, signature) => {
    expect(signV4(request, key, scope).headers['authorization']).toContain(`Signature=${signature}`);
  });

  it('covers a session token', () => {
    const request = { method: 'GET', path: '/', query: {}, headers: { host }, payload: empty };
    const { headers } = signV4(request, { ...key, sessionToken: 'token' }, scope);
    expect(headers).toMatchObject({ 'x-amz-security-token': 'token' });
    expect(headers['authorization']).toContain('SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,');
  });
});
