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
  if (io.stderr !== process.stderr || !canDraw(process.stderr, io.environment))
    return (await import('./plain.ts')).plainRenderer(io.stderr, options);
  return (await import('./tty.ts')).ttyRenderer(process.stderr, options);
}

/** Whether lines can move there: a terminal that knows its size (some in CI say 0), and is not looked at as a log later. */
function canDraw(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv): boolean {
  return stream.isTTY && stream.columns > 0 && stream.rows > 0 && environment['TERM'] !== 'dumb' && !environment['CI'];
}
