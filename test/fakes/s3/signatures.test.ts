import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { authenticate } from './authenticate.ts';
import { type Call, readCall } from './call.ts';
import { type Dialect, strictDialect } from './dialect.ts';

/** The examples that the specifications of both signatures print, with their keys. */
const accessKey = 'AKIAIOSFODNN7EXAMPLE';
const secretKey = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

function callOf(method: string, url: string, headers: Record<string, string>, domain: string): Call {
  const rawHeaders = Object.entries(headers).flat();
  return readCall({ method, url, rawHeaders } as unknown as IncomingMessage, domain, strictDialect);
}

interface World {
  now: string;
  region?: string;
  dialect?: Partial<Dialect>;
}

function check(call: Call, { now, region = 'us-east-1', dialect }: World): unknown {
  const credentials = new Map([[accessKey, { secretKey }]]);
  return authenticate(call, { credentials, region, dialect: { ...strictDialect, ...dialect }, nowMs: Date.parse(now) });
}

function authorizationOf(signedHeaders: string, signature: string): string {
  const scope = `${accessKey}/20130524/us-east-1/s3/aws4_request`;
  return `AWS4-HMAC-SHA256 Credential=${scope},SignedHeaders=${signedHeaders},Signature=${signature}`;
}

const host = { Host: 'examplebucket.s3.amazonaws.com' };
const common = { ...host, 'x-amz-date': '20130524T000000Z' };

function getPart(signature = 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41'): Call {
  const headers = {
    ...common,
    Authorization: authorizationOf('host;range;x-amz-content-sha256;x-amz-date', signature),
    Range: 'bytes=0-9',
    'x-amz-content-sha256': empty,
  };
  return callOf('GET', '/test.txt', headers, 's3.amazonaws.com');
}

describe('signature version 4', () => {
  const now = '2013-05-24T00:01:00Z';

  it('accepts the published examples', () => {
    expect(check(getPart(), { now })).toEqual({ signature: 'v4', payload: empty });
    const body = '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072';
    const put = {
      ...common,
      Date: 'Fri, 24 May 2013 00:00:00 GMT',
      Authorization: authorizationOf(
        'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
        '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
      ),
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      'x-amz-content-sha256': body,
    };
    expect(check(callOf('PUT', '/test%24file.text', put, 's3.amazonaws.com'), { now })).toEqual({
      signature: 'v4',
      payload: body,
    });
    const list = {
      ...common,
      Authorization: authorizationOf(
        'host;x-amz-content-sha256;x-amz-date',
        '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
      ),
      'x-amz-content-sha256': empty,
    };
    expect(check(callOf('GET', '/?max-keys=2&prefix=J', list, 's3.amazonaws.com'), { now })).toMatchObject({ signature: 'v4' });
    const presigned = `/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${accessKey}%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404`;
    expect(check(callOf('GET', presigned, host, 's3.amazonaws.com'), { now })).toEqual({
      signature: 'v4',
      payload: 'UNSIGNED-PAYLOAD',
    });
    expect(() => check(callOf('GET', presigned, host, 's3.amazonaws.com'), { now: '2013-05-26T00:00:00Z' })).toThrow(
      'Request has expired',
    );
  });

  it('refuses what differs in one thing, each by its name', () => {
    const fault = (world: World, call = getPart()): unknown => {
      try {
        return check(call, world);
      } catch (error) {
        return error;
      }
    };
    expect(fault({ now }, getPart(`0${'e'.repeat(63)}`))).toMatchObject({ code: 'SignatureDoesNotMatch' });
    expect(fault({ now: '2013-05-24T00:16:00Z' })).toMatchObject({ code: 'RequestTimeTooSkewed' });
    expect(fault({ now: '2013-05-23T23:44:00Z' })).toMatchObject({ code: 'RequestTimeTooSkewed' });
    expect(fault({ now: '2013-05-24T00:16:00Z', dialect: { skew: 'mismatch' } })).toMatchObject({
      code: 'SignatureDoesNotMatch',
    });
    expect(fault({ now, region: 'eu-west-3' })).toMatchObject({
      code: 'AuthorizationHeaderMalformed',
      extra: { Region: 'eu-west-3' },
    });
    expect(fault({ now, region: 'eu-west-3', dialect: { region: 'unnamed' } })).toMatchObject({ extra: {} });
    expect(fault({ now, region: 'eu-west-3', dialect: { region: 'any' } })).toMatchObject({ signature: 'v4' });
    expect(fault({ now, dialect: { signatures: ['v2'] } })).toMatchObject({ message: 'Unsupported Authorization Type' });
    const unsigned = getPart();
    unsigned.headers.set('x-amz-acl', 'private');
    expect(fault({ now }, unsigned)).toMatchObject({ code: 'AccessDenied', extra: { HeadersNotSigned: 'x-amz-acl' } });
    const moved = getPart();
    moved.headers.set('host', 'backend');
    expect(fault({ now }, moved)).toMatchObject({
      code: 'SignatureDoesNotMatch',
      extra: { CanonicalRequest: expect.stringContaining('\nhost:backend\n') as string },
    });
  });
});

describe('signature version 2', () => {
  const sign = (signature: string): Record<string, string> => ({
    Host: 'johnsmith.s3.amazonaws.com',
    Authorization: `AWS ${accessKey}:${signature}`,
  });

  it.each([
    ['GET', '/photos/puppy.jpg', 'Tue, 27 Mar 2007 19:36:42 +0000', 'bWq2s1WEIj+Ydj0vQ697zp+IXMU=', {}],
    [
      'PUT',
      '/photos/puppy.jpg',
      'Tue, 27 Mar 2007 21:15:45 +0000',
      'MyyxeRY7whkBe+bq8fHCL/2kKUg=',
      { 'Content-Type': 'image/jpeg' },
    ],
    ['GET', '/?prefix=photos&max-keys=50&marker=puppy', 'Tue, 27 Mar 2007 19:42:41 +0000', 'htDYFYduRNen8P9ZfE/s9SuKy0U=', {}],
  ])('accepts the published example %s %s', (method, url, date, signature, more) => {
    const call = callOf(method, url, { ...sign(signature), Date: date, ...more }, 's3.amazonaws.com');
    expect(check(call, { now: date })).toEqual({ signature: 'v2' });
    expect(() => check(call, { now: date, dialect: { signatures: ['v4'] } })).toThrow('Please use AWS4-HMAC-SHA256');
    expect(() => check(call, { now: '2007-03-28T00:00:00Z' })).toThrow('too large');
    call.headers.set('date', new Date(Date.parse(date) + 1000).toUTCString());
    expect(() => check(call, { now: date })).toThrow('does not match');
  });
});
