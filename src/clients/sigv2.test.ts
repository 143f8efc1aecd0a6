import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type SignableRequest, signV2 } from './sigv2.ts';

const key = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' };
const date = new Date('2007-03-27T19:36:42Z');

function expected(text: string): string {
  return `AWS ${key.accessKeyId}:${createHmac('sha1', key.secretAccessKey).update(text).digest('base64')}`;
}

describe('signature version 2', () => {
  it('covers method, date, amz headers and path, and drops what belongs to version 4', () => {
    const request: SignableRequest = {
      method: 'PUT',
      path: '/johnsmith/photos/puppy.jpg',
      headers: {
        'Content-Type': 'image/jpeg',
        'content-md5': 'XrY7u+Ae7tCTyyK7j1rNww==',
        host: 's3.mirror.example',
        'x-amz-meta-sha256': ' abc ',
        'x-amz-acl': 'private',
        'x-amz-date': '20070327T193642Z',
        'x-amz-content-sha256': 'abc',
        'x-amz-user-agent': 'sdk',
        'amz-sdk-request': 'attempt=1',
        authorization: 'AWS4-HMAC-SHA256 ...',
      },
    };
    const { headers } = signV2(request, key, date);
    expect(Object.keys(headers).toSorted()).toEqual([
      'authorization',
      'content-md5',
      'content-type',
      'date',
      'host',
      'x-amz-acl',
      'x-amz-meta-sha256',
    ]);
    expect(headers['authorization']).toBe(
      expected(
        'PUT\nXrY7u+Ae7tCTyyK7j1rNww==\nimage/jpeg\nTue, 27 Mar 2007 19:36:42 GMT\nx-amz-acl:private\nx-amz-meta-sha256:abc\n/johnsmith/photos/puppy.jpg',
      ),
    );
  });

  it('covers the parts of the query that say what is meant, sorted, and the session token', () => {
    const query = { 'x-id': 'UploadPart', uploadId: '2~a/b', partNumber: '7', uploads: '', acl: null, prefix: 'p' };
    const request: SignableRequest = { method: 'PUT', path: '/b/k', query, headers: {} };
    const { headers } = signV2(request, { ...key, sessionToken: 'token' }, date);
    expect(headers['authorization']).toBe(
      expected(
        'PUT\n\n\nTue, 27 Mar 2007 19:36:42 GMT\nx-amz-security-token:token\n/b/k?acl&partNumber=7&uploadId=2~a/b&uploads',
      ),
    );
  });
});
