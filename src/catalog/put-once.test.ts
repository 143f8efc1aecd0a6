import { randomBytes } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { partBytes, startFakeStore } from '../../test/fakes/s3-store.ts';
import { digestOf } from '../util/digest.ts';
import { Scope } from '../util/scope.ts';
import { putOnce, type Upload } from './put-once.ts';

const scope = new Scope();
afterEach(() => scope.close());

const partSize = partBytes;
const options = { onProgress: () => undefined };
const uploadOf = (bytes: Buffer): Upload => ({ key: 'k', size: bytes.length, digest: digestOf(bytes), source: { bytes } });

it('does not read a large object back that is there already, and finds other bytes under its name', async () => {
  const { s3, open } = await startFakeStore(scope);
  const upload = uploadOf(randomBytes(2 * partSize + 1));
  await putOnce(open({ partSize }), upload, options);
  const read = (): number => s3.requests.filter(({ operation }) => operation === 'GetObject').length;
  const before = s3.requests.length;
  await putOnce(open({ partSize }), upload, options);
  expect(s3.requests.slice(before).map(({ operation }) => operation)).toEqual(['HeadObject', 'HeadObject']);
  // Where it cannot be told, it is read.
  for (const [at, settings] of [{ partSize: partSize + 1 }, { partSize, readBack: true }].entries()) {
    await putOnce(open(settings), upload, options);
    expect(read()).toBe(at + 1);
  }
  const other = uploadOf(randomBytes(2 * partSize + 1));
  await expect(putOnce(open({ partSize }), other, options)).rejects.toMatchObject({ code: 'CONFLICT' });
  // Somebody has written other bytes there.
  await open({ partSize }).put('k', other.source, { digest: other.digest, size: other.size });
  await expect(putOnce(open({ partSize }), upload, options)).rejects.toMatchObject({ code: 'CONFLICT' });
});
