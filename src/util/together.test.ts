import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { together } from './together.ts';

const never = new AbortController().signal;

test('works go side by side', async () => {
  const gate = Promise.withResolvers<void>();
  const seen: string[] = [];
  await together(
    [
      async () => {
        await gate.promise;
        seen.push('first');
      },
      () => {
        seen.push('second');
        gate.resolve();
        return Promise.resolve();
      },
    ],
    never,
  );
  expect(seen).toEqual(['second', 'first']);
});

test('when one fails the others stop, are waited for, and its error is thrown', async () => {
  let hasEnded = false;
  const failing = together(
    [
      async (signal) => {
        await sleep(60_000, undefined, { signal }).catch(() => sleep(20));
        hasEnded = true;
        throw new Error('stopped');
      },
      () => Promise.reject(new Error('broken')),
    ],
    never,
  );
  await expect(failing).rejects.toThrow('broken');
  expect(hasEnded).toBe(true);
});

test('a signal stops all', async () => {
  const abort = new AbortController();
  const wait = (signal: AbortSignal): Promise<void> => sleep(60_000, undefined, { signal });
  const waiting = together([wait, wait], abort.signal);
  abort.abort();
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
});
