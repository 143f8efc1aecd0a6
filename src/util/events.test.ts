import { afterEach, describe, expect, test } from 'vitest';
import { type EmittedEvent, EventBus } from './events.ts';
import { forgetSecrets, registerSecret } from './redact.ts';

afterEach(forgetSecrets);

describe('the event bus', () => {
  test('numbers the events of all runs in one row, names the run, and tells every listener', () => {
    const bus = new EventBus();
    const [first, second]: [EmittedEvent[], EmittedEvent[]] = [[], []];
    bus.listen((event) => first.push(event));
    bus.listen((event) => second.push(event));
    const [debian, whole] = [bus.emitter('debian-12'), bus.emitter()];
    debian({ type: 'step.started', step: 'base', title: 'Base' });
    whole({ type: 'log', level: 'info', message: 'hello' });
    debian({ type: 'step.finished', step: 'base', durationMs: 1, reused: false });
    expect(first).toEqual(second);
    expect(first.map(({ seq, run }) => [seq, run])).toEqual([
      [1, 'debian-12'],
      [2, undefined],
      [3, 'debian-12'],
    ]);
    expect('run' in (first[1] ?? {})).toBe(false);
    for (const { time } of first) expect(new Date(time).toISOString()).toBe(time);
  });

  test('lets no secret through', () => {
    const bus = new EventBus();
    const heard: EmittedEvent[] = [];
    bus.listen((event) => heard.push(event));
    registerSecret('correct horse');
    bus.emitter('x')({ type: 'log', level: 'info', message: 'password: correct horse', source: 'correct horse' });
    expect(JSON.stringify(heard)).not.toContain('horse');
    expect(heard[0]).toMatchObject({ message: 'password: [redacted]', source: '[redacted]' });
  });
});
