import { describe, expect, it } from 'vitest';
import { createThrottle } from './throttle.ts';

describe('the throttle', () => {
  it('lets bytes pass at its rate, whoever sends them', async () => {
    const throttle = createThrottle(1_000_000);
    const startMs = performance.now();
    const sender = async (): Promise<void> => {
      for (let count = 0; count < 10; count += 1) await throttle.pass(10_000);
    };
    await Promise.all([sender(), sender(), sender()]);
    // 300,000 bytes, less what it lets pass at once after a pause.
    expect(performance.now() - startMs).toBeGreaterThan(190);
  });

  it('is nothing without a rate, and stops waiting when cancelled', async () => {
    const free = createThrottle(undefined);
    const startMs = performance.now();
    for (let count = 0; count < 1000; count += 1) await free.pass(2 ** 30);
    expect(performance.now() - startMs).toBeLessThan(1000);
    const cancel = new AbortController();
    const slow = createThrottle(1).pass(1_000_000, cancel.signal);
    cancel.abort();
    await expect(slow).rejects.toMatchObject({ name: 'AbortError' });
  });
});
