import { randomBytes } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { partBytes, startFakeStore, type StoreAtFake } from '../../../test/fakes/s3-store.ts';
import type { Store } from '../../model/store.ts';
import { digestOf } from '../../util/digest.ts';
import { redact } from '../../util/redact.ts';
import { Scope } from '../../util/scope.ts';

const scope = new Scope();
let fake: StoreAtFake;
beforeEach(async () => {
  fake = await startFakeStore(scope);
});
afterEach(() => scope.close());

function write(store: Store, key: string, bytes: Buffer, onProgress?: (count: number) => void): Promise<unknown> {
  return store.put(key, { bytes }, { digest: digestOf(bytes), size: bytes.length, onProgress });
}
const small = Buffer.from('x');

/** Puts both halves of a key where a configuration finds them. */
async function writeKey(secretKey: string, sessionToken = 'token of the session'): Promise<void> {
  for (const [name, value] of Object.entries({ secret: secretKey, token: sessionToken })) {
    await writeFile(join(fake.folder, `${name}.new`), `${value}\n`);
    await rename(join(fake.folder, `${name}.new`), join(fake.folder, name));
  }
}

describe('credentials', () => {
  it('are read from files and variables, and never said', async () => {
    const { s3, folder } = fake;
    s3.credentials.set('AKIASESSION', { secretKey: 'secret of the session', sessionToken: 'token of the session' });
    await writeKey('secret of the session');
    const credentials = {
      accessKey: 'env:SESSION_KEY',
      secretKey: `file:${folder}/secret`,
      sessionToken: `file:${folder}/token`,
    };
    await write(fake.open({ credentials }, { SESSION_KEY: 'AKIASESSION' }), 'k', small);
    expect(redact('x secret of the session y')).toBe('x [redacted] y');
    expect(redact('x token of the session y')).toBe('x [redacted] y');
  });

  it('come from the surroundings when nothing is configured', async () => {
    const { s3 } = fake;
    const variables = { AWS_ACCESS_KEY_ID: s3.accessKey, AWS_SECRET_ACCESS_KEY: s3.secretKey, AWS_SESSION_TOKEN: '' };
    await write(fake.open({ credentials: 'environment' }, variables), 'k', small);
  });

  it('come from a command, whose words go into no message', async () => {
    const { s3, folder } = fake;
    const helper = join(folder, 'helper');
    const run = async (script: string): Promise<unknown> => {
      await writeFile(helper, script);
      return write(fake.open({ credentials: { process: ['sh', helper] } }), 'k', small).catch((error: unknown) => error);
    };
    const output = {
      Version: 1,
      AccessKeyId: s3.accessKey,
      SecretAccessKey: s3.secretKey,
      Expiration: '2036-01-01T00:00:00+00:00',
    };
    expect(await run(`cat <<'E'\n${JSON.stringify(output)}\nE\n`)).toMatchObject({ key: 'k' });
    for (const script of [
      'echo a-secret-that-was-printed; exit 1',
      'echo a-secret-that-was-printed',
      `echo '{"Version":2,"a":"a-secret-that-was-printed"}'`,
    ]) {
      const error = (await run(script)) as Error;
      expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
      expect(JSON.stringify([error.message, error])).not.toContain('a-secret-that-was-printed');
    }
  });

  it('are given for the token of a workload', async () => {
    const { s3, folder } = fake;
    s3.credentials.set('AKIAROLE', { secretKey: 'secret of the role', sessionToken: 'token of the role' });
    const asked: URLSearchParams[] = [];
    const answer = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Credentials>
      <AccessKeyId>AKIAROLE</AccessKeyId><SecretAccessKey>secret of the role</SecretAccessKey><SessionToken>token of the role</SessionToken>
      <Expiration>${new Date(Date.now() + 3_600_000).toISOString()}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;
    const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      asked.push(new URLSearchParams(await text(request)));
      response.setHeader('content-type', 'text/xml').end(answer);
    };
    const sts = createServer((request, response) => void serve(request, response)).listen(0, '127.0.0.1');
    scope.defer(() => new Promise((resolve) => sts.close(resolve)));
    scope.defer(() => sts.closeAllConnections());
    await new Promise((resolve) => sts.once('listening', resolve));
    await writeFile(join(folder, 'token'), 'the.web.token\n');
    const stsEndpoint = `http://127.0.0.1:${(sts.address() as AddressInfo).port}`;
    const roleArn = 'arn:aws:iam::123456789012:role/ci';
    await write(
      fake.open({ credentials: { webIdentity: { roleArn, tokenFile: join(folder, 'token'), stsEndpoint } } }),
      'k',
      small,
    );
    expect(Object.fromEntries(asked[0] ?? [])).toMatchObject({ RoleArn: roleArn, WebIdentityToken: 'the.web.token' });
  });

  it.each([
    ['a variable that is not set', { accessKey: 'env:NONE', secretKey: 'env:SECRET' }, 'The credential env:NONE is missing'],
    ['a profile that there is not', { profile: 'no-such-profile' }, 'The AWS profile "no-such-profile" gives no credentials'],
    ['a command that there is not', { process: ['no-such-command'] }, 'no-such-command is not installed'],
  ])('are missed where they are %s', async (_, credentials, message) => {
    await expect(write(fake.open({ credentials }), 'k', small)).rejects.toThrow(message);
  });
});

describe('credentials that end', () => {
  it('in the middle of an upload are read anew, and it goes on', async () => {
    const { s3, folder } = fake;
    s3.credentials.set('AKIASESSION', { secretKey: 'first secret', sessionToken: 'first token' });
    await writeKey('first secret', 'first token');
    const credentials = {
      accessKey: 'env:SESSION_KEY',
      secretKey: `file:${folder}/secret`,
      sessionToken: `file:${folder}/token`,
    };
    const bytes = randomBytes(20 * partBytes);
    let isRotated = false;
    await write(fake.open({ credentials }, { SESSION_KEY: 'AKIASESSION' }), 'k', bytes, (count) => {
      if (isRotated || count < bytes.length / 2) return;
      isRotated = true;
      s3.credentials.set('AKIASESSION', { secretKey: 'first secret', sessionToken: 'first token', expired: true });
      // Whoever renews them is a little late.
      setTimeout(() => {
        s3.credentials.set('AKIASESSION', { secretKey: 'second secret', sessionToken: 'second token' });
        void writeKey('second secret', 'second token');
      }, 200);
    });
    expect(isRotated).toBe(true);
    expect((await s3.read('images', 'some/prefix/k'))?.equals(bytes)).toBe(true);
  });

  it('fail no upload of fifty when they are rotated', async () => {
    const { s3, folder } = fake;
    const credentials = { accessKey: `file:${folder}/secret`, secretKey: `file:${folder}/secret` };
    const rotateTo = async (name: string): Promise<void> => {
      s3.credentials.set(name, { secretKey: name });
      await writeKey(name);
    };
    await rotateTo('first-key');
    const bytes = randomBytes(10 * partBytes);
    let rotations = 0;
    let rotated = Promise.resolve();
    const rotate = async (): Promise<void> => {
      rotations += 1;
      await rotateTo(`key-number-${rotations}`);
      s3.credentials.delete(rotations === 1 ? 'first-key' : `key-number-${rotations - 1}`);
    };
    const uploads = Array.from({ length: 50 }, (_, count) =>
      write(fake.open({ credentials }), `k/${count}`, bytes, (sent) => {
        if (count % 10 === 0 && sent === bytes.length) rotated = rotated.then(rotate);
      }),
    );
    await Promise.all(uploads);
    await rotated;
    expect(rotations).toBeGreaterThanOrEqual(5);
    expect(s3.keys('images')).toHaveLength(50);
  });

  it('for good are named as the reason', async () => {
    const { s3 } = fake;
    const error: unknown = await write(fake.open({}, { SECRET: 'wrong secret key' }), 'k', small).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: 'STORE_DENIED', message: expect.stringContaining('the signature does not match') });
    s3.credentials.set(s3.accessKey, { secretKey: s3.secretKey, expired: true });
    await expect(write(fake.open(), 'k', small)).rejects.toThrow('the session token is not valid any more');
    await expect(write(fake.open({}, { ACCESS: 'AKIANOBODY' }), 'k', small)).rejects.toThrow('the access key is not known there');
  });
});
