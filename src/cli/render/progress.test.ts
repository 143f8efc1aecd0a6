import { describe, expect, it } from 'vitest';
import type { EmittedEvent, EventBody } from '../../util/events.ts';
import { styleFor } from '../style.ts';
import { plainRenderer } from './plain.ts';
import { progressText, type RunState, track } from './progress.ts';
import { liveLines } from './tty.ts';
import { cut, formatDuration, table } from './words.ts';

const startMs = Date.parse('2026-11-23T10:00:00.000Z');
const mebibyte = 2 ** 20;

/** Events as the bus gives them, each with its second. */
function recorded(...bodies: [second: number, run: string | undefined, body: EventBody][]): EmittedEvent[] {
  return bodies.map(([second, run, body], seq) => ({
    seq,
    time: new Date(startMs + second * 1000).toISOString(),
    ...(run === undefined ? {} : { run }),
    ...body,
  }));
}

function fetching(second: number, done: number, total?: number): [number, string, EventBody] {
  const progress = { type: 'step.progress', step: 'fetch', done: done * mebibyte, unit: 'bytes' } as const;
  return [second, 'a', total === undefined ? progress : { ...progress, total: total * mebibyte }];
}

const started: [number, string, EventBody] = [0, 'a', { type: 'step.started', step: 'fetch', title: 'Fetching' }];

function pictureOf(events: EmittedEvent[]): Map<string, RunState> {
  const runs = new Map<string, RunState>();
  for (const event of events) track(runs, event);
  return runs;
}

function textOf(...bodies: [number, string | undefined, EventBody][]): string {
  const state = pictureOf(recorded(...bodies))
    .get('a')
    ?.steps.get('fetch');
  return state ? progressText(state) : 'no such step';
}

describe('progress', () => {
  it('says percentage, amount, rate and time left, each as soon as it is known', () => {
    expect(textOf(started)).toBe('');
    expect(textOf(started, fetching(0.1, 1))).toBe('1.00 MiB');
    expect(textOf(started, fetching(0.1, 1, 100))).toBe('  1%  1.00 MiB of 100.0 MiB');
    expect(textOf(started, fetching(0, 0, 100), fetching(2, 20, 100))).toBe(
      ' 20%  20.0 MiB of 100.0 MiB  10.0 MiB/s  8.0 s left',
    );
    expect(textOf(started, fetching(0, 0, 100), fetching(2, 100, 100))).toBe('100%  100.0 MiB of 100.0 MiB  50.0 MiB/s');
  });

  it('takes the rate of the last seconds only', () => {
    const slow = Array.from({ length: 20 }, (_, second) => fetching(second, second, 1000));
    const fast = Array.from({ length: 8 }, (_, second) => fetching(20 + second, 20 + second * 50, 1000));
    expect(textOf(started, ...slow, ...fast)).toContain('50.0 MiB/s');
  });

  it('begins anew when another amount is counted, and stands still without dividing by zero', () => {
    expect(textOf(started, fetching(0, 90, 100), fetching(2, 10, 400))).toBe('  2%  10.0 MiB of 400.0 MiB');
    expect(textOf(started, fetching(0, 10, 100), fetching(3, 10, 100))).toBe(' 10%  10.0 MiB of 100.0 MiB');
    expect(textOf(started, fetching(0, 0, 0))).toBe('0 B of 0 B');
  });

  it('counts items and seconds without units of bytes', () => {
    const items: EventBody = { type: 'step.progress', step: 'fetch', done: 3, total: 12, unit: 'items', note: 'libc6' };
    expect(textOf(started, [1, 'a', items])).toBe(' 25%  3 of 12  libc6');
    expect(textOf(started, [1, 'a', { type: 'step.progress', step: 'fetch', done: 30, unit: 'seconds' }])).toBe('30 s');
  });

  it('keeps steps until they end, and runs until they end', () => {
    const runs = pictureOf(
      recorded(
        started,
        [1, 'b', { type: 'step.started', step: 'x', title: 'X' }],
        [2, 'a', { type: 'step.finished', step: 'fetch', durationMs: 1, reused: false }],
      ),
    );
    expect([...runs].map(([name, { steps }]) => [name, [...steps.keys()]])).toEqual([
      ['a', []],
      ['b', ['x']],
    ]);
    track(runs, recorded([3, 'b', { type: 'run.finished', outcome: 'failed', durationMs: 1 }])[0] as EmittedEvent);
    expect([...runs.keys()]).toEqual(['a']);
  });
});

describe('the lines that move', () => {
  const style = styleFor(false);

  it('are one for each running build, and fit the terminal', () => {
    const runs = pictureOf(
      recorded(
        started,
        fetching(0, 0, 100),
        fetching(2, 20, 100),
        [1, 'debian-12', { type: 'step.started', step: 'x', title: 'Planning' }],
        [1, 'debian-12', { type: 'step.started', step: 'y', title: 'Asking' }],
      ),
    );
    expect(liveLines(runs, startMs + 3000, 200, { style, several: true, verbose: false })).toEqual([
      '⠴ a          Fetching               20%  20.0 MiB of 100.0 MiB  10.0 MiB/s  8.0 s left',
      '⠴ debian-12  Asking                2.0 s',
    ]);
    for (const columns of [20, 40, 60]) {
      for (const line of liveLines(runs, startMs, columns, { style, several: true, verbose: false }))
        expect(line.length).toBeLessThan(columns);
    }
  });

  it('are one for each step of a single build', () => {
    const runs = pictureOf(recorded(started, [1, 'a', { type: 'step.started', step: 'x', title: 'Booting' }]));
    expect(liveLines(runs, startMs + 3000, 80, { style, several: false, verbose: false })).toEqual([
      '⠴ Fetching              3.0 s',
      '⠴ Booting               2.0 s',
    ]);
  });
});

describe('plain lines', () => {
  it('tell of progress every ten seconds at most', () => {
    let text = '';
    const renderer = plainRenderer(
      { write: (part) => (text += part) },
      { style: styleFor(false), verbose: false, several: true },
    );
    const progress = Array.from({ length: 251 }, (_, tenth) => fetching(tenth / 10, tenth, 300));
    for (const event of recorded(started, ...progress, [
      26,
      'a',
      { type: 'step.finished', step: 'fetch', durationMs: 26_000, reused: false },
    ]))
      renderer.handle(event);
    expect(text.split('\n')).toEqual([
      'a    Fetching ...',
      'a    Fetching: 33%  100.0 MiB of 300.0 MiB  10.0 MiB/s  20 s left',
      'a    Fetching: 66%  200.0 MiB of 300.0 MiB  10.0 MiB/s  10 s left',
      'a  ✓ Fetching  26 s',
      '',
    ]);
  });

  it('tell what went wrong at once, and what passed only to those who ask', () => {
    const events = recorded(
      [
        0,
        undefined,
        {
          type: 'verdict',
          check: 'ports',
          title: 'Only SSH listens',
          status: 'fail',
          message: 'port 25 listens',
          subject: 'bios',
        },
      ],
      [0, undefined, { type: 'verdict', check: 'machine-id', title: 'No machine identity', status: 'pass', message: '' }],
      [0, undefined, { type: 'log', level: 'warn', message: 'old' }],
      [0, undefined, { type: 'log', level: 'info', message: 'waiting' }],
      [0, undefined, { type: 'log', level: 'info', message: 'hello', source: 'x.sh' }],
      [0, undefined, { type: 'log', level: 'debug', message: 'detail' }],
    );
    const textWith = (verbose: boolean): string => {
      let text = '';
      const renderer = plainRenderer({ write: (part) => (text += part) }, { style: styleFor(false), verbose, several: false });
      for (const event of events) renderer.handle(event);
      return text;
    };
    expect(textWith(false)).toBe('  ✗ ports (bios): port 25 listens\nwarning: old\nwaiting\n');
    expect(textWith(true)).toBe(
      '  ✗ ports (bios): port 25 listens\n  ✓ machine-id: No machine identity\nwarning: old\nwaiting\nx.sh | hello\ndetail\n',
    );
  });
});

it('writes durations and tables for people', () => {
  const times = [0, 840, 9_940, 9_960, 59_400, 59_600, 185_000, 3_720_000];
  expect(times.map(formatDuration)).toEqual(['0.0 s', '0.8 s', '9.9 s', '10 s', '59 s', '1 min 0 s', '3 min 5 s', '1 h 2 min']);
  expect(
    table(
      [
        ['a', '1', 'x'],
        ['bbb', '100', ''],
      ],
      [1],
    ),
  ).toEqual(['a      1  x', 'bbb  100']);
  expect([cut('hello', 5), cut('hello', 4), cut('hello', 0)]).toEqual(['hello', 'hel…', '…']);
});
