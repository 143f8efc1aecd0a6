import { expect, test } from 'vitest';
import { debian } from '../../distros/index.ts';
import { findRelease } from '../../model/distro.ts';
import type { BuildMachine } from '../../model/machine.ts';
import type { Plan } from '../../model/plan.ts';
import type { StepContext } from '../../model/step.ts';
import { templateSchema } from '../../model/template.ts';
import { AppError } from '../../util/errors.ts';
import { buildInMachine } from './build-in-machine.ts';

const template = templateSchema.parse({ name: 'web', distro: 'debian', release: '12' });
const release = findRelease(debian, '12');

/** A machine whose first command fails; it is gone after so many ms, or stays. */
async function failureOf(goneMs: number | undefined, cancel = new AbortController()): Promise<unknown> {
  const started = performance.now();
  const machine = {
    login: async () => ({
      run: async () => {
        if (cancel.signal.aborted) throw new AppError('CANCELLED', 'Cancelled');
        throw new AppError('COMMAND_FAILED', 'The SSH connection was lost');
      },
    }),
    ended: () => (goneMs !== undefined && performance.now() - started >= goneMs ? 'QEMU ended (SIGKILL)' : undefined),
    keepEvidence: async () => ['/failures/serial.log'],
  } as unknown as BuildMachine;
  if (!release) throw new Error('unknown');
  const plan = { template, keys: {}, provisioning: [] } as unknown as Plan;
  const ctx = { signal: cancel.signal, emit: () => undefined } as unknown as StepContext;
  return buildInMachine({ plan, distro: debian, release, machine, identity: 'key' }, ctx).then(
    () => undefined,
    (error: unknown) => error,
  );
}

test('a machine that dies is told as that, also when its connection ends first, with what was kept', async () => {
  for (const goneMs of [0, 500])
    expect(await failureOf(goneMs)).toMatchObject({
      code: 'BUILD_FAILED',
      message: 'The machine ended in the middle of the build: QEMU ended (SIGKILL)',
      details: { files: ['/failures/serial.log'] },
    });
});

test('what fails in a machine that goes on is told as it is', async () => {
  expect(await failureOf(undefined)).toMatchObject({ code: 'COMMAND_FAILED' });
});

test('a build that was cancelled is not waited for', async () => {
  const cancel = new AbortController();
  cancel.abort();
  const started = performance.now();
  expect(await failureOf(undefined, cancel)).toMatchObject({ code: 'CANCELLED' });
  expect(performance.now() - started).toBeLessThan(1000);
});
