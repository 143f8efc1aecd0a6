import { expect, test } from 'vitest';
import { AppError } from './errors.ts';
import type { Emit, EmittedEvent } from './events.ts';
import { runTitled } from './run-titled.ts';

function recorder(): { emit: Emit; seen: Parameters<Emit>[0][] } {
  const seen: Parameters<Emit>[0][] = [];
  return { emit: (event) => void seen.push(event), seen };
}

const failed = (events: Parameters<Emit>[0][]): unknown => (events.at(-1) as EmittedEvent & { message?: string }).message;

test('a step is told of when it begins and when it has ended', async () => {
  const { emit, seen } = recorder();
  expect(await runTitled('read', 'Reading', emit, async () => 5)).toBe(5);
  expect(seen).toEqual([
    { type: 'step.started', step: 'read', title: 'Reading' },
    { type: 'step.finished', step: 'read', durationMs: expect.any(Number), reused: false },
  ]);
});

test('a known failure passes unchanged', async () => {
  const { emit, seen } = recorder();
  const denied = new AppError('STORE_DENIED', 'No right to write');
  await expect(runTitled('upload', 'Write', emit, () => Promise.reject(denied))).rejects.toBe(denied);
  expect([seen.map(({ type }) => type), failed(seen)]).toEqual([['step.started', 'step.failed'], 'No right to write']);
});

test('an unknown failure gets the code of the caller, a full disk its own, and a cancellation stays one', async () => {
  const { emit, seen } = recorder();
  const codeOf = async (thrown: Error): Promise<unknown> =>
    runTitled(
      'upload',
      'Write',
      emit,
      async () => {
        throw thrown;
      },
      'STORE_FAILED',
    ).catch((failure: unknown) => (failure as AppError).code);
  expect(await codeOf(new Error('odd'))).toBe('STORE_FAILED');
  expect(failed(seen)).toBe('Write: odd');
  expect(await codeOf(Object.assign(new Error('full'), { code: 'ENOSPC' }))).toBe('DISK_FULL');
  expect(await codeOf(new DOMException('gone', 'AbortError'))).toBe('CANCELLED');
});
