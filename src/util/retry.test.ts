import { describe, expect, test } from 'vitest';
import { AppError } from './errors.ts';
import { retry } from './retry.ts';

const unreachable = (): AppError => new AppError('MIRROR_UNREACHABLE', 'no answer');

describe('retry', () => {
  test('returns what the first success gives, and numbers the attempts', async () => {
    const attempts: number[] = [];
    const result = await retry(
      (attempt) => {
        attempts.push(attempt);
        return attempt < 3 ? Promise.reject(unreachable()) : Promise.resolve('there');
      },
      { attempts: 5, delayMs: 1 },
    );
    expect(result).toBe('there');
    expect(attempts).toEqual([1, 2, 3]);
  });

  test('gives the last error after the last attempt, and says each retry', async () => {
    let count = 0;
    const retried: number[] = [];
    const work = (): Promise<never> => Promise.reject(new AppError('TIMEOUT', `attempt ${(count += 1)}`));
    const done = retry(work, { attempts: 3, delayMs: 1, onRetry: (_, attempt) => retried.push(attempt) });
    await expect(done).rejects.toThrow('attempt 3');
    expect(retried).toEqual([1, 2]);
  });

  test.each([new AppError('SIGNATURE_INVALID', 'forged'), new TypeError('a bug'), 'a text'])(
    'does not repeat what cannot get better: %s',
    async (error) => {
      let count = 0;
      const work = (): Promise<never> => {
        count += 1;
        throw error;
      };
      await expect(retry(work, { attempts: 5, delayMs: 1 })).rejects.toBe(error);
      expect(count).toBe(1);
    },
  );

  test('asks the caller which errors are worth it', async () => {
    const work = (attempt: number): Promise<string> =>
      attempt === 1 ? Promise.reject(new TypeError('once')) : Promise.resolve('ok');
    expect(await retry(work, { attempts: 2, delayMs: 1, retryable: (error) => error instanceof TypeError })).toBe('ok');
  });

  test('waits longer each time, up to a limit', async () => {
    const times: number[] = [];
    const work = (): Promise<never> => {
      times.push(performance.now());
      return Promise.reject(unreachable());
    };
    await expect(retry(work, { attempts: 5, delayMs: 40, maxDelayMs: 100 })).rejects.toThrow('no answer');
    const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    // Half of each pause may be taken off.
    for (const [index, least] of [20, 40, 50, 50].entries()) expect(pauses[index]).toBeGreaterThanOrEqual(least - 2);
  });

  test('stops waiting when it is cancelled', async () => {
    const abort = new AbortController();
    const done = retry(() => Promise.reject(unreachable()), { attempts: 3, delayMs: 60_000, signal: abort.signal });
    setTimeout(() => abort.abort(), 20);
    await expect(done).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('does not try again after a cancellation', async () => {
    const abort = new AbortController();
    let count = 0;
    const work = (): Promise<never> => {
      count += 1;
      abort.abort();
      return Promise.reject(unreachable());
    };
    await expect(retry(work, { attempts: 3, delayMs: 1, signal: abort.signal })).rejects.toThrow('no answer');
    expect(count).toBe(1);
  });
});
