import { xapiErrorOf } from './errors.ts';
import type { Session } from './session.ts';

/** A change of an object. */
export interface XapiEvent {
  /** In small letters: `vm`. */
  class: string;
  operation: 'add' | 'mod' | 'del';
  ref: string;
  /** The record as it is now; not with `del`. */
  snapshot?: Record<string, unknown>;
}

const waitSeconds = 30.05;

/**
 * What changes in the pool from now on, after all that is there (as `add`). `classes`: `VM`, `task/OpaqueRef:...`, `*`.
 * Ends when `signal` says so. When the pool has lost track it starts again with all that is there.
 */
export async function* watchEvents(
  session: Session,
  classes: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<XapiEvent> {
  let token = '';
  for (;;) {
    if (signal?.aborted) return;
    try {
      const batch = (await session.call('event.from', [classes, token, waitSeconds], { signal })) as {
        token: string;
        events: XapiEvent[];
      };
      token = batch.token;
      yield* batch.events;
    } catch (error) {
      if (signal?.aborted) return;
      if (xapiErrorOf(error) !== 'EVENTS_LOST') throw error;
      token = '';
    }
  }
}
