import { describe, expect, test } from 'vitest';
import type { AppError } from '../../util/errors.ts';
import type { EventBody } from '../../util/events.ts';
import { Scope } from '../../util/scope.ts';
import { listenForCalls } from './phone-home.ts';
import { type WatchLimits, watchInstallation } from './watch-installation.ts';

const limits: WatchLimits = { questionMs: 60, stallMs: 200, busyMs: 600, totalMs: 5000, pollMs: 5 };

/** What a machine shows; a test changes it as the time goes. */
function machine(): { console: string; log: string; ended: string | undefined; disk: number; busy: boolean } {
  return { console: '', log: '', ended: undefined, disk: 0, busy: false };
}

async function watch(
  state: ReturnType<typeof machine>,
  calls: string[] = [],
): Promise<{ error?: AppError; notes: string[]; ms: number }> {
  const notes: string[] = [];
  const started = performance.now();
  const output = (name: 'console' | 'log') => ({ text: () => state[name], lastOutputMs: () => 0 });
  const emit = (event: EventBody): void => {
    if (event.type === 'step.progress') notes.push(event.note ?? '');
  };
  const error = await watchInstallation(
    {
      kind: 'debian-installer',
      calls,
      limits,
      machine: {
        console: output('console'),
        log: output('log'),
        ended: () => state.ended,
        diskActivity: async () => state.disk,
        busySeconds: async () => (state.busy ? performance.now() / 1000 : 0),
        keepEvidence: async () => ['/kept/serial.log', '/kept/screenshot.png'],
      },
    },
    { emit, signal: new AbortController().signal },
  ).then(
    () => undefined,
    (thrown: unknown) => thrown as AppError,
  );
  return { ...(error ? { error } : {}), notes, ms: performance.now() - started };
}

const retrieving = "main-menu[1]: INFO: Menu item 'download-installer' selected\nanna[2]: DEBUG: retrieving apt-setup 1\n";

describe('an installation', () => {
  test('that called and switched itself off is done', async () => {
    const state = machine();
    const calls: string[] = [];
    setTimeout(() => (state.log = "main-menu[1]: INFO: Menu item 'partman-base' selected\n"), 20);
    setTimeout(() => calls.push('installed'), 60);
    setTimeout(() => (state.ended = 'QEMU ended (exit code 0)'), 100);
    const { error, notes } = await watch(state, calls);
    expect(error).toBeUndefined();
    expect(notes).toEqual(['starting', 'partitioning', 'done']);
  });

  test('that ends before it called has failed', async () => {
    const state = machine();
    state.log = "main-menu[1]: INFO: Menu item 'bootstrap-base' selected\n";
    setTimeout(() => (state.ended = 'QEMU ended (exit code 0)'), 20);
    expect((await watch(state)).error?.message).toBe(
      'The installer stopped while installing the base system: the machine ended before the installation did (QEMU ended (exit code 0))',
    );
  });

  test('that asks is given up soon, with the reason when it is known, and what was kept', async () => {
    const state = machine();
    state.console = 'Partition disks\n---------------\n\nNo root file system is defined.\n  1: Go back,  2: Continue,\nPrompt: ';
    const asked = await watch(state);
    expect(asked.error).toMatchObject({
      code: 'BUILD_FAILED',
      message: 'The installer stopped while starting: it waits for an answer: Partition disks: No root file system is defined.',
      details: { files: ['/kept/serial.log', '/kept/screenshot.png'] },
    });
    expect(asked.ms).toBeLessThan(200);
    state.log = `${retrieving}anna[2]: WARNING **: package retrieval failed\n`;
    expect((await watch(state)).error).toMatchObject({
      message: 'The installer stopped while loading components 1: apt-setup: the mirror lacks installer components: apt-setup',
      hint: expect.stringContaining('mirror') as string,
    });
  });

  test('that does nothing is given up after the stall, not before', async () => {
    const state = machine();
    state.log = retrieving;
    const { error, ms } = await watch(state);
    expect(error?.message).toMatch(/^The installer stopped while loading components 1: apt-setup: it does nothing since/);
    expect(ms).toBeGreaterThanOrEqual(limits.stallMs);
    expect(ms).toBeLessThan(limits.busyMs);
  });

  test('that is busy may take longer, but not for ever', async () => {
    const state = machine();
    state.busy = true;
    const { error, ms } = await watch(state);
    expect(error?.message).toMatch(/it shows nothing since/);
    expect(ms).toBeGreaterThanOrEqual(limits.busyMs);
  });

  test('whose clock goes on in the bar of its screen still does nothing', async () => {
    const state = machine();
    let minute = 0;
    const clock = setInterval(() => {
      minute += 1;
      state.console += `[            (1*installer)  2 shell  3 shell  4- log           ][ Nov 25 22:${minute} ]`;
    }, 10);
    const { error, ms } = await watch(state).finally(() => clearInterval(clock));
    expect(error?.message).toMatch(/it does nothing since/);
    expect(ms).toBeLessThan(limits.busyMs);
  });
});

test('calls are taken from the machine alone, each once', async () => {
  await using scope = new Scope();
  const home = await listenForCalls(scope);
  const here = home.url.replace('10.0.2.2', '127.0.0.1');
  expect((await fetch(`${here}/answers`)).status).toBe(204);
  expect((await fetch(`${here}/answers`)).status).toBe(204);
  expect((await fetch(`${new URL(here).origin}/answers`)).status).toBe(404);
  expect((await fetch(`${here}/../etc`)).status).toBe(404);
  expect(home.calls).toEqual(['answers']);
});
