import type { App } from '../app.ts';
import { redact, redactDeep } from '../util/redact.ts';
import type { Context, Globals, Io } from './context.ts';
import { errorJson, errorText, exitCodeOf } from './render/error.ts';
import { chooseRenderer } from './render/choose.ts';
import type { Renderer } from './render/renderer.ts';
import { cancelOnSignals } from './signals.ts';
import { styleFor, wantsColor } from './style.ts';

/** Carries a command out with all that commands have in common: events on the screen, signals, errors. Returns the exit code. */
export async function runCommand(globals: Globals, io: Io, work: (context: Context) => Promise<number | void>): Promise<number> {
  const outStyle = styleFor(wantsColor(globals.color, io.stdout.isTTY === true, io.environment));
  const errorStyle = styleFor(wantsColor(globals.color, io.stderr.isTTY === true, io.environment));
  let renderer: Renderer | undefined;
  let app: App | undefined;
  const say = (message: string): void => {
    if (app && renderer) app.bus.emitter()({ type: 'log', level: 'warn', message });
    else if (!globals.json) io.stderr.write(`${message}\n`);
  };
  const cancellation = cancelOnSignals(
    () => say('Cancelling; finished steps are kept. Once more to leave at once.'),
    () => {
      renderer?.close();
      process.exit(130);
    },
  );

  const context: Context = {
    globals,
    style: outStyle,
    signal: cancellation.signal,
    async openApp({ kind, several = false }) {
      app = await io.createApp({
        ...(globals.cacheDir === undefined ? {} : { cacheDir: globals.cacheDir }),
        ...(globals.out === undefined ? {} : { outputDir: globals.out }),
        ...(globals.config === undefined ? {} : { configFile: globals.config }),
        ...(globals.envFile === undefined ? {} : { envFile: globals.envFile }),
      });
      renderer = await chooseRenderer(globals, io, { kind, several, style: errorStyle });
      const { handle } = renderer;
      app.bus.listen((event) => handle(event));
      return app;
    },
    answer(value, text) {
      renderer?.close();
      io.stdout.write(globals.json ? `${JSON.stringify(redactDeep(value))}\n` : redact(text()));
    },
    print: (text) => io.stdout.write(redact(text)),
    showError(error, about) {
      if (globals.json) return;
      if (about !== undefined) io.stderr.write(`\n${errorStyle.strong(about)}\n`);
      io.stderr.write(errorText(error, errorStyle, globals.verbose === true));
    },
  };

  try {
    return (await work(context)) ?? 0;
  } catch (error) {
    renderer?.close();
    if (globals.json) io.stdout.write(`${JSON.stringify(errorJson(error))}\n`);
    else context.showError(error);
    return exitCodeOf(error);
  } finally {
    renderer?.close();
    cancellation.release();
  }
}
