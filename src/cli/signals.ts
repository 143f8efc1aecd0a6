import { AppError } from '../util/errors.ts';

export interface Cancellation {
  signal: AbortSignal;
  /** Stops listening. */
  release(): void;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The first Ctrl-C (or SIGTERM) cancels, so that everything is cleaned; the second leaves at once. */
export function cancelOnSignals(onFirst: () => void, leave: () => void): Cancellation {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) {
      leave();
      return;
    }
    onFirst();
    controller.abort(
      new AppError('CANCELLED', 'Stopped before it was finished', {
        hint: 'The same command goes on where it was.',
        details: { signal: name },
      }),
    );
  };
  for (const name of signals) process.on(name, onSignal);
  return {
    signal: controller.signal,
    release() {
      for (const name of signals) process.off(name, onSignal);
    },
  };
}
