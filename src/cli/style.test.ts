import { expect, it } from 'vitest';
import { styleFor, wantsColor } from './style.ts';

it('has colour on a terminal that can show it, unless told otherwise', () => {
  const on = (flag: boolean, isTerminal: boolean, environment: Record<string, string>): boolean =>
    wantsColor(flag, isTerminal, environment);
  expect([on(true, true, {}), on(true, false, {}), on(true, true, { TERM: 'dumb' })]).toEqual([true, false, false]);
  expect([on(true, true, { NO_COLOR: '1' }), on(true, true, { NO_COLOR: '' })]).toEqual([false, true]);
  expect([on(true, false, { FORCE_COLOR: '1' }), on(true, true, { FORCE_COLOR: '0' })]).toEqual([true, false]);
  expect(on(false, true, { FORCE_COLOR: '1' })).toBe(false);
  expect([styleFor(true).bad('x'), styleFor(false).bad('x')]).toEqual(['\u001B[31mx\u001B[39m', 'x']);
});
