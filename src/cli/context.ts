import type { App } from '../app.ts';
import type { Sink } from './render/renderer.ts';
import type { Style } from './style.ts';

/** Options that every command takes. */
export interface Globals {
  json?: boolean;
  quiet?: boolean;
  verbose?: boolean;
  color: boolean;
  cacheDir?: string;
  out?: string;
  config?: string;
  envFile?: string;
  yes?: boolean;
}

/** The world outside, as the command line sees it; tests bring their own. */
export interface Io {
  stdout: Sink & { isTTY?: boolean };
  stderr: Sink & { isTTY?: boolean };
  environment: NodeJS.ProcessEnv;
  createApp(flags: { cacheDir?: string; outputDir?: string; configFile?: string; envFile?: string }): Promise<App>;
}

/** What a command works with. */
export interface Context {
  globals: Globals;
  style: Style;
  signal: AbortSignal;
  /**
   * The application, with its events shown. `steps`: show progress, and with `--json` one event a line; `several` builds at once.
   * A command that only asks (`data`) keeps its standard output for the answer.
   */
  openApp: (show: { kind: 'steps' | 'data'; several?: boolean }) => Promise<App>;
  /** Writes the answer to standard output: the value for programs (`--json`), else the text for people. */
  answer: (value: unknown, text: () => string) => void;
  /** Writes a part of an answer that comes bit by bit. */
  print: (text: string) => void;
  /** Writes an error to standard error, below the name of what it is about; with `--json` it is in the answer. */
  showError: (error: unknown, about?: string) => void;
}

/** Carries a command out. A number is its exit code; errors are shown and decide on it otherwise. */
export type Run = (work: (context: Context) => Promise<number | void>) => Promise<void>;
