import { expect, test } from 'vitest';
import { createRateLimit } from './rate-limit.ts';

test('bytes go at the pace that was given, after a short burst', async () => {
  const limit = createRateLimit(1_000_000);
  const started = performance.now();
  for (let sent = 0; sent < 500_000; sent += 50_000) await limit.take(50_000);
  const tookMs = performance.now() - started;
  // Half a second, less the burst of a quarter.
  expect(tookMs).toBeGreaterThan(200);
  expect(tookMs).toBeLessThan(2000);
});

test('streams share it', async () => {
  const limit = createRateLimit(1_000_000);
  const started = performance.now();
  await Promise.all(Array.from({ length: 10 }, () => limit.take(50_000)));
  expect(performance.now() - started).toBeGreaterThan(200);
});

test('waiting ends when it is cancelled', async () => {
  const limit = createRateLimit(1000);
  const cancel = new AbortController();
  const waiting = limit.take(1_000_000, cancel.signal);
  cancel.abort();
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
});
