import { randomBytes } from 'node:crypto';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, expect, it } from 'vitest';
import { startFakeStore } from '../../../test/fakes/s3-store.ts';
import { digestOf } from '../../util/digest.ts';
import { Scope } from '../../util/scope.ts';

const scope = new Scope();
afterEach(() => scope.close());

/** How many single bits are turned, each in an object of its own, at rest and on the way. */
const count = process.env['GABARIT_SLOW'] ? 1000 : 60;

it(`none of ${count} wrong bits is accepted: not by a download, not by a reader`, async () => {
  const { s3, open, folder } = await startFakeStore(scope);
  const out = join(folder, 'out');
  await mkdir(out);
  const store = open({ partSize: 1000 });
  let accepted = 0;
  for (let round = 0; round < count; round += 1) {
    const bytes = randomBytes(1 + Math.floor(Math.random() * 4000));
    const announced = { digest: digestOf(bytes), size: bytes.length };
    const key = `k/${round}`;
    await store.put(key, { bytes }, announced);
    const isOnTheWay = round % 3 === 0;
    if (!isOnTheWay) await s3.flip('images', `some/prefix/${key}`, Math.floor(Math.random() * bytes.length));
    const strike = (): unknown => isOnTheWay && s3.inject({ kind: 'flip-answer', on: 'GetObject', key: `some/prefix/${key}` });
    strike();
    const outcomes = [await store.download(key, join(out, 'copy'), announced).then(() => 'taken', codeOf)];
    strike();
    outcomes.push(await store.get(key).then(async (body) => text(body).then(() => 'taken', codeOf)));
    accepted += outcomes.filter((outcome) => outcome !== 'DIGEST_MISMATCH').length;
  }
  expect(accepted).toBe(0);
  expect(await readdir(out)).toEqual([]);
});

it('a bit that was turned while it was stored is found by reading back, when that is wished', async () => {
  const { s3, open } = await startFakeStore(scope);
  const store = open({ readBack: true, partSize: 1000 });
  for (const size of [500, 5000]) {
    const bytes = randomBytes(size);
    s3.inject({ kind: 'flip-stored', on: ['PutObject', 'UploadPart'] });
    await store.put(`k/${size}`, { bytes }, { digest: digestOf(bytes), size });
    expect((await s3.read('images', `some/prefix/k/${size}`))?.equals(bytes)).toBe(true);
    const heal = s3.inject({ kind: 'flip-stored', on: ['PutObject', 'UploadPart'], rate: 1 });
    const outcome = store.put(`bad/${size}`, { bytes }, { digest: digestOf(bytes), size, ifAbsent: true });
    expect(await outcome.then(() => 'taken', codeOf)).toBe('DIGEST_MISMATCH');
    heal();
  }
});

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? String(error);
}
