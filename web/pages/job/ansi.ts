/** A piece of a line in one style. Colours are the names of CSS classes. */
export interface Span {
  text: string;
  colour?: Colour;
  bold?: boolean;
}

const colours = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const;
export type Colour = (typeof colours)[number];

/** Anything that a terminal takes for an order: CSI, OSC (with its text), and the two-letter ones. */
const escape =
  // oxlint-disable-next-line no-control-regex
  /\u001b\[([0-9;:<=>?]*)[ -/]*([@-~])|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\|$)|\u001b[PX^_][^\u001b]*(?:\u001b\\|$)|\u001b[ -/]*[0-~]|\u001b$/g;
// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/**
 * Reads the colours of a line of a log. Of all that a terminal obeys only the 16 colours and bold are known; the rest (links,
 * titles, cursor movements) is taken out, and what stays is text.
 */
export function parseAnsi(line: string): Span[] {
  const spans: Span[] = [];
  let style: Omit<Span, 'text'> = {};
  let at = 0;
  const push = (text: string): void => {
    const clean = text.replaceAll(control, '');
    if (clean !== '') spans.push({ text: clean, ...style });
  };
  for (const match of line.matchAll(escape)) {
    push(line.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === 'm') style = styled(style, match[1] ?? '');
  }
  push(line.slice(at));
  return spans;
}

function styled(style: Omit<Span, 'text'>, codes: string): Omit<Span, 'text'> {
  let next = style;
  const numbers = codes.split(';').map(Number);
  for (let index = 0; index < numbers.length; index += 1) {
    const code = numbers[index] ?? 0;
    const { colour: _, ...plain } = next;
    const colour = colours[(code >= 90 ? code - 90 : code - 30) % 10];
    if (code === 0) next = {};
    else if (code === 1) next = { ...next, bold: true };
    else if (code === 22) next = next.colour ? { colour: next.colour } : {};
    else if (code === 39) next = plain;
    // 38 and 48 carry a colour of their own (5;N or 2;R;G;B), which is not shown.
    else if (code === 38 || code === 48) index += numbers[index + 1] === 5 ? 2 : 4;
    else if (((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) && colour) next = { ...next, colour };
  }
  return next;
}

/** The line as it is searched. */
export function plainText(line: string): string {
  return parseAnsi(line)
    .map(({ text }) => text)
    .join('');
}
