import type { EmittedEvent } from '../../util/events.ts';

/** Shows events as they come. */
export interface Renderer {
  handle: (event: EmittedEvent) => void;
  /** Puts away what moves, before anything else is written. May be called more than once. */
  close(): void;
}

/** Where text goes: a terminal, a pipe, or an array in a test. */
export interface Sink {
  write(text: string): unknown;
}
