import { errnoOf } from '../util/errors.ts';

/** A reader that has seen enough (`| head`) closes the pipe: that is no failure of ours, and what we still say is for nobody. */
export function tolerateClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error) => {
      if (errnoOf(error) !== 'EPIPE') throw error;
    });
  }
}
