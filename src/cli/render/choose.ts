import type { Globals, Io } from '../context.ts';
import type { Style } from '../style.ts';
import type { Renderer } from './renderer.ts';

/** The renderer for a command: data for programs, nothing when quiet, moving lines on a terminal, else plain lines. Standard output stays free for the answer. */
export async function chooseRenderer(
  globals: Globals,
  io: Io,
  show: { kind: 'steps' | 'data'; several: boolean; style: Style },
): Promise<Renderer> {
  const silent: Renderer = { handle: () => undefined, close: () => undefined };
  if (globals.json) return show.kind === 'steps' ? (await import('./json.ts')).jsonRenderer(io.stdout) : silent;
  if (globals.quiet) return silent;
  const options = { style: show.style, verbose: globals.verbose === true, several: show.several };
  const isTerminal =
    io.stderr === process.stderr && process.stderr.isTTY && io.environment['TERM'] !== 'dumb' && !io.environment['CI'];
  if (!isTerminal) return (await import('./plain.ts')).plainRenderer(io.stderr, options);
  return (await import('./tty.ts')).ttyRenderer(process.stderr, options);
}
