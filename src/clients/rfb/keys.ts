/** Keys that are no characters, as X11 knows them. */
export const keys = {
  backspace: 0xff08,
  tab: 0xff09,
  enter: 0xff0d,
  escape: 0xff1b,
  delete: 0xffff,
  home: 0xff50,
  left: 0xff51,
  up: 0xff52,
  right: 0xff53,
  down: 0xff54,
  end: 0xff57,
  f1: 0xffbe,
  f10: 0xffc7,
  f12: 0xffc9,
  shift: 0xffe1,
  control: 0xffe3,
  alt: 0xffe9,
} as const;

/** On a keyboard of the United States, which is what a virtual machine has. */
const shifted = new Set('ABCDEFGHIJKLMNOPQRSTUVWXYZ~!@#$%^&*()_+{}|:"<>?');

/** What is pressed for a character: Latin letters are their own number, others lie above them. */
export function keyOf(character: string): { keysym: number; withShift: boolean } {
  const point = character.codePointAt(0) ?? 0;
  if (character === '\n') return { keysym: keys.enter, withShift: false };
  if (character === '\t') return { keysym: keys.tab, withShift: false };
  return { keysym: point < 0x100 ? point : 0x01000000 + point, withShift: shifted.has(character) };
}
