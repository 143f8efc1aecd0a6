import { redactDeep } from './redact.ts';

/** What a check found: `pass`, `fail` (the image is not fit), `warn`, or `skip` with the reason why it could not be looked at. */
export type VerdictStatus = 'pass' | 'fail' | 'warn' | 'skip';

/**
 * Everything that happens, as data. The terminal, `--json`, the log file and the server's event stream are renderings of it.
 * `run` names the build that it belongs to (`debian-12`), absent for what concerns the whole command.
 */
export type EventBody =
  | { type: 'run.started'; plan: string; version: string }
  | {
      type: 'run.finished';
      outcome: 'done' | 'unchanged' | 'failed' | 'cancelled';
      durationMs: number;
      output?: string;
      error?: string;
    }
  | { type: 'step.started'; step: string; title: string }
  | { type: 'step.progress'; step: string; done: number; total?: number; unit: 'bytes' | 'items' | 'seconds'; note?: string }
  | { type: 'step.finished'; step: string; durationMs: number; reused: boolean; note?: string }
  | { type: 'step.failed'; step: string; durationMs: number; message: string }
  | { type: 'verdict'; check: string; title: string; status: VerdictStatus; message: string; subject?: string }
  /** One thing that was tried out on an endpoint. */
  | { type: 'probe'; probe: string; title: string; status: VerdictStatus; message: string; hint?: string }
  | { type: 'log'; level: 'debug' | 'info' | 'warn' | 'error'; message: string; source?: string };

export type EmittedEvent = EventBody & { seq: number; time: string; run?: string };

export type Emit = (event: EventBody) => void;

/** The sink: numbers and dates each event, removes secrets, and hands it to every listener. */
export class EventBus {
  #seq = 0;
  readonly #listeners: ((event: EmittedEvent) => void)[] = [];

  listen(listener: (event: EmittedEvent) => void): void {
    this.#listeners.push(listener);
  }

  /** Hands on what another bus has numbered and dated: of a build on a server. */
  pass(event: EmittedEvent): void {
    for (const listener of this.#listeners) listener(redactDeep(event));
  }

  /** An emitter for one run (a build's short name), or for the whole command. */
  emitter(run?: string): Emit {
    return (body) => {
      this.#seq += 1;
      const event: EmittedEvent = {
        seq: this.#seq,
        time: new Date().toISOString(),
        ...(run === undefined ? {} : { run }),
        ...redactDeep(body),
      };
      for (const listener of this.#listeners) listener(event);
    };
  }
}
