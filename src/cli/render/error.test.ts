import { afterEach, expect, it } from 'vitest';
import { AppError } from '../../util/errors.ts';
import { forgetSecrets, registerSecret } from '../../util/redact.ts';
import { styleFor } from '../style.ts';
import { errorJson, errorText, exitCodeOf } from './error.ts';

const plain = styleFor(false);
afterEach(forgetSecrets);

it('shows the cause to those who ask', () => {
  const error = new AppError('STORE_FAILED', 'Cannot write a', { cause: new Error('EIO') });
  expect(errorText(error, plain, false)).toBe('error: Cannot write a  STORE_FAILED\nSee: gabarit explain STORE_FAILED\n');
  expect(errorText(error, plain, true)).toMatch(/^error: .*\nSee: .*\ncause: Error: EIO\n {4}at /);
});

it('knows a cancellation from a bug', () => {
  const aborted = new DOMException('This operation was aborted', 'AbortError');
  expect([
    exitCodeOf(aborted),
    exitCodeOf(new AppError('CONFLICT', 'x')),
    exitCodeOf(new TypeError('x')),
    exitCodeOf('x'),
  ]).toEqual([130, 7, 1, 1]);
  expect(errorText(aborted, plain, false)).toBe('cancelled: This operation was aborted\n');
  expect(errorText('thrown text', plain, false)).toContain('bug in Gabarit: thrown text\n');
  expect(errorJson(aborted)).toMatchObject({ code: 'CANCELLED', exit: 130 });
});

it('lets no secret out', () => {
  registerSecret('hunter2-hunter2');
  const error = new AppError('COMMAND_FAILED', 'curl hunter2-hunter2 failed', {
    faults: [{ message: 'hunter2-hunter2', file: 'x' }],
    details: { lastLines: ['password hunter2-hunter2'] },
  });
  for (const text of [
    errorText(error, plain, true),
    JSON.stringify(errorJson(error)),
    errorText(new Error('hunter2-hunter2'), plain, true),
  ]) {
    expect(text).not.toContain('hunter2');
    expect(text).toContain('[redacted]');
  }
});
