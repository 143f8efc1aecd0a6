import { errnoOf } from '../util/errors.ts';

/** A reader that has seen enough (`| head`) closes the pipe: that is no failure of ours, and what we still say is for nobody. */
export function tolerateClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error) => {
      if (errnoOf(error) !== 'EPIPE') throw error;
    });
  }
}

/** Waits until a stream has handed over all that was written to it, or nobody reads it any more. */
export function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}
