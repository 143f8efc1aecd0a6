import { styleText } from 'node:util';

/** Colours by meaning. */
export interface Style {
  good(text: string): string;
  bad(text: string): string;
  warning(text: string): string;
  faint(text: string): string;
  strong(text: string): string;
  name(text: string): string;
}

/** Whether a stream gets colour: `--no-color` first, then FORCE_COLOR, NO_COLOR, and only a terminal that can show it. */
export function wantsColor(flag: boolean, isTerminal: boolean, environment: NodeJS.ProcessEnv): boolean {
  if (!flag) return false;
  const force = environment['FORCE_COLOR'];
  if (force !== undefined) return force !== '0' && force !== 'false';
  if (environment['NO_COLOR']) return false;
  return isTerminal && environment['TERM'] !== 'dumb';
}

export function styleFor(hasColor: boolean): Style {
  const painted =
    (format: Parameters<typeof styleText>[0]) =>
    (text: string): string =>
      hasColor ? styleText(format, text, { validateStream: false }) : text;
  return {
    good: painted('green'),
    bad: painted('red'),
    warning: painted('yellow'),
    faint: painted('dim'),
    strong: painted('bold'),
    name: painted('cyan'),
  };
}
