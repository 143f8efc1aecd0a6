import { describe, expect, test } from 'vitest';
import { Scope } from './scope.ts';

describe('a scope', () => {
  test('releases backwards, waiting for each', async () => {
    const order: string[] = [];
    {
      await using scope = new Scope();
      scope.defer(() => order.push('first'));
      scope.defer(async () => {
        await Promise.resolve();
        order.push('second');
      });
      scope.defer(() => order.push('third'));
    }
    expect(order).toEqual(['third', 'second', 'first']);
  });

  test('goes on after a release that fails, and tells it', async () => {
    const order: string[] = [];
    const scope = new Scope();
    scope.defer(() => order.push('first'));
    scope.defer(() => Promise.reject(new Error('stuck')));
    await expect(scope.close()).rejects.toThrow('stuck');
    expect(order).toEqual(['first']);
  });

  test('tells all failures together', async () => {
    const scope = new Scope();
    scope.defer(() => Promise.reject(new Error('one')));
    scope.defer(() => {
      throw new Error('two');
    });
    const error: unknown = await scope.close().catch((reason: unknown) => reason);
    expect((error as AggregateError).errors.map(String)).toEqual(['Error: two', 'Error: one']);
  });

  test('releases each thing once, also what a release adds', async () => {
    const order: string[] = [];
    const scope = new Scope();
    scope.defer(() => {
      order.push('outer');
      scope.defer(() => order.push('added'));
    });
    await scope.close();
    await scope.close();
    expect(order).toEqual(['outer', 'added']);
  });

  test('releases when the work fails, and keeps its error', async () => {
    let released = false;
    const work = async (): Promise<void> => {
      await using scope = new Scope();
      scope.defer(() => (released = true));
      throw new Error('the work');
    };
    await expect(work()).rejects.toThrow('the work');
    expect(released).toBe(true);
  });
});
