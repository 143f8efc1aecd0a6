import type { Renderer, Sink } from './renderer.ts';

/** One event a line, for programs. */
export function jsonRenderer(out: Sink): Renderer {
  return {
    handle: (event) => out.write(`${JSON.stringify(event)}\n`),
    close: () => undefined,
  };
}
