import { expect, test } from 'vitest';
import type { Finding, GuestCheck } from '../../model/check.ts';
import type { Plan } from '../../model/plan.ts';
import { templateSchema } from '../../model/template.ts';
import { AppError } from '../../util/errors.ts';
import type { EventBody } from '../../util/events.ts';
import { Scope } from '../../util/scope.ts';
import { collectFindings, type Findings } from './run-checks.ts';

const skip = [{ check: 'left-out', reason: 'there is no clock here' }];
const plan = { template: templateSchema.parse({ name: 'x', distro: 'debian', release: '12', checks: { skip } }) } as Plan;

function collector(events: EventBody[] = [], signal = new AbortController().signal): Findings {
  const ctx = {
    workdir: '/',
    cacheDir: '/',
    offline: true,
    force: false,
    signal,
    scope: new Scope(),
    emit: (event: EventBody) => void events.push(event),
  };
  return collectFindings(plan, ctx);
}

/** A check on whatever, which finds this or throws it. */
function check(id: string, outcome: Finding[] | Error): GuestCheck {
  return {
    id,
    title: id,
    on: 'guest',
    run: () => (outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome)),
  };
}
const guest = {} as Parameters<GuestCheck['run']>[0];

test('findings become verdicts with their machine, and are announced as they come', async () => {
  const events: EventBody[] = [];
  const findings = collector(events);
  await findings.runCheck(check('quiet', []), guest, 'clone-a');
  await findings.runCheck(
    check('loud', [
      { status: 'fail', message: 'one' },
      { status: 'warn', message: 'two' },
    ]),
    guest,
    'clone-b',
  );
  expect(findings.verdicts.map(({ check: id, subject, status, message }) => [id, subject, status, message])).toEqual([
    ['quiet', 'clone-a', 'pass', ''],
    ['loud', 'clone-b', 'fail', 'one'],
    ['loud', 'clone-b', 'warn', 'two'],
  ]);
  expect(events.map((event) => event.type)).toEqual(['verdict', 'verdict', 'verdict']);
});

test('what the template leaves out is not run, and keeps its reason', async () => {
  const findings = collector();
  await findings.runCheck(check('left-out', new Error('it ran')), guest, 'clone-a');
  expect(findings.verdicts).toMatchObject([{ status: 'skip', message: 'there is no clock here' }]);
});

test('a machine that is lost is a failure of the check, with the files that were kept', async () => {
  const findings = collector();
  await findings.runCheck(
    check('reboot', new AppError('BOOT_FAILED', 'kernel panic', { details: { files: ['/f/serial-a.log'] } })),
    guest,
    'a',
  );
  expect(findings.verdicts).toMatchObject([{ status: 'fail', message: 'kernel panic (see /f/serial-a.log)' }]);
});

test('bugs and cancellations are no verdicts', async () => {
  const findings = collector();
  await expect(findings.runCheck(check('bug', new TypeError('x is undefined')), guest, 'a')).rejects.toThrow(TypeError);
  await expect(findings.runCheck(check('stop', new AppError('CANCELLED', 'Cancelled')), guest, 'a')).rejects.toMatchObject({
    code: 'CANCELLED',
  });
  await expect(collector([], AbortSignal.abort()).runCheck(check('late', []), guest, 'a')).rejects.toThrow(/abort/i);
  expect(findings.verdicts).toEqual([]);
});
