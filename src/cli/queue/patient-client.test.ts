import { expect, test } from 'vitest';
import type { ApiClient } from '../../api/client.ts';
import { AppError } from '../../util/errors.ts';
import { patientClient } from './patient-client.ts';

const url = 'http://127.0.0.1:1';
const signal = new AbortController().signal;

/** A client that answers by this function, and counts how often it is asked. */
function clientOf(answer: () => unknown): { client: ApiClient; asked: () => number } {
  let count = 0;
  const call = async (): Promise<unknown> => {
    count += 1;
    return answer();
  };
  return { client: { call } as unknown as ApiClient, asked: () => count };
}

const away = (): never => {
  throw new AppError('TARGET_UNREACHABLE', 'away');
};

test('a server that comes back, at another place, is asked on', async () => {
  const gone = clientOf(away);
  const back = clientOf(() => ({ ok: true }));
  let looks = 0;
  const again = async (): Promise<{ url: string; client: ApiClient } | undefined> => {
    looks += 1;
    if (looks === 1) throw new AppError('NOT_FOUND', 'not yet');
    return { url, client: back.client };
  };
  const client = patientClient(gone.client, again, { patienceMs: 10_000, signal });
  expect(await client.call('GET /health', {})).toEqual({ ok: true });
  expect([gone.asked(), back.asked(), looks]).toEqual([2, 1, 2]);
});

test('what changes something is asked once; what is wrong for another reason, too; and patience ends', async () => {
  const gone = clientOf(away);
  const again = async (): Promise<undefined> => undefined;
  const client = patientClient(gone.client, again, { patienceMs: 500, signal });
  await expect(client.call('POST /jobs/:job/cancel', { params: { job: 'x' } })).rejects.toMatchObject({
    code: 'TARGET_UNREACHABLE',
  });
  expect(gone.asked()).toBe(1);
  await expect(client.call('GET /health', {})).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' });
  expect(gone.asked()).toBe(3);
  const forbidden = clientOf(() => {
    throw new AppError('FORBIDDEN', 'no');
  });
  await expect(patientClient(forbidden.client, again, { patienceMs: 500, signal }).call('GET /health', {})).rejects.toMatchObject(
    {
      code: 'FORBIDDEN',
    },
  );
  expect(forbidden.asked()).toBe(1);
});
