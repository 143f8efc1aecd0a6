/**
 * A preseed file: one answer a line, `owner question type value`. The format has no quoting, so what it cannot carry is refused:
 * line ends, a backslash at the end (it joins lines), and blanks at the beginning (Debian's installer drops them).
 */

export type PreseedType = 'string' | 'boolean' | 'select' | 'multiselect' | 'password' | 'note';

export interface PreseedAnswer {
  /** The package that asks; `d-i` for the installer itself. */
  owner: string;
  /** `partman-auto/disk` */
  question: string;
  type: PreseedType;
  value: string;
}

// oxlint-disable-next-line no-control-regex -- that is what it is about
const uncarried = /[\0\r\n]|\\$|^[ \t]/;
const word = /^[^\s#]\S*$/;

/** @throws RangeError naming the question whose answer the format cannot carry */
export function preseedText(answers: readonly PreseedAnswer[]): string {
  return answers.map(line).join('');
}

function line({ owner, question, type, value }: PreseedAnswer): string {
  if (!word.test(owner) || !word.test(question)) throw new RangeError(`${JSON.stringify(question)} is not a name of a question`);
  if (uncarried.test(value))
    throw new RangeError(`a preseed file cannot carry the answer ${JSON.stringify(value)} to ${question}`);
  return value === '' ? `${owner} ${question} ${type}\n` : `${owner} ${question} ${type} ${value}\n`;
}
