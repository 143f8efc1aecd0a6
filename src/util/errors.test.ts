import { describe, expect, test } from 'vitest';
import { AppError, errnoOf, errorTable, isCancellation, toAppError } from './errors.ts';

describe('an error with a known code', () => {
  test('keeps what it was given, and its cause', () => {
    const cause = new Error('deep');
    const faults = [{ message: 'here', file: 'x.yaml', line: 1 }];
    const error = new AppError('USAGE', 'wrong', { cause, hint: 'do this', faults, details: { a: 1 } });
    expect(error).toMatchObject({ code: 'USAGE', message: 'wrong', cause, hint: 'do this', faults, details: { a: 1 } });
    expect('cause' in new AppError('USAGE', 'wrong')).toBe(false);
  });

  test('never lets a command end well, and only a cancellation as by Ctrl-C', () => {
    for (const [code, { exit, http }] of Object.entries(errorTable)) {
      expect(exit).toBeGreaterThan(0);
      expect(exit === 130).toBe(code === 'CANCELLED');
      expect(http).toBeGreaterThanOrEqual(400);
    }
  });
});

describe('whatever was thrown', () => {
  test('stays as it is when its code is known', () => {
    const error = new AppError('CHECK_FAILED', 'no');
    expect(toAppError(error, 'BUILD_FAILED', 'x')).toBe(error);
  });

  test('is a cancellation when a signal was aborted', async () => {
    const aborted: unknown = await fetch('data:,x', { signal: AbortSignal.abort() }).catch((error: unknown) => error);
    expect(isCancellation(aborted)).toBe(true);
    expect(toAppError(aborted, 'BUILD_FAILED', 'x').code).toBe('CANCELLED');
    expect(isCancellation(new AppError('CANCELLED', 'x'))).toBe(true);
    expect(isCancellation(new AppError('TIMEOUT', 'x'))).toBe(false);
    expect(isCancellation(AbortSignal.timeout(0))).toBe(false);
  });

  test('is a full disk when the system says so', () => {
    const error = toAppError(Object.assign(new Error('write'), { code: 'ENOSPC' }), 'BUILD_FAILED', 'writing x');
    expect(error).toMatchObject({ code: 'DISK_FULL', message: 'No space left on the disk: writing x' });
    expect(error.hint).toContain('prune');
  });

  test('else gets the code, and both messages', () => {
    expect(toAppError(new Error('why'), 'STORE_FAILED', 'what')).toMatchObject({ code: 'STORE_FAILED', message: 'what: why' });
    expect(toAppError('text', 'STORE_FAILED', 'what').message).toBe('what: text');
  });

  test('tells its errno name, if it is one of the system', () => {
    expect(errnoOf(Object.assign(new Error('x'), { code: 'EACCES' }))).toBe('EACCES');
    expect(errnoOf(Object.assign(new Error('x'), { code: 5 }))).toBeUndefined();
    expect(errnoOf({ code: 'EACCES' })).toBeUndefined();
  });
});
