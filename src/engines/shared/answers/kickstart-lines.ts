/**
 * A kickstart file: commands of words, read as a POSIX shell would split them, then sections that end with `%end`. Words are
 * quoted where they need it; what no quoting can carry (line ends) is refused.
 */

export interface KickstartCommand {
  /** `bootloader` */
  name: string;
  /** `['--append=console=tty0 quiet']` */
  words: string[];
}

export interface KickstartSection {
  /** `%packages`, `%post` */
  name: string;
  options: string[];
  lines: string[];
}

// oxlint-disable-next-line no-control-regex -- that is what it is about
const uncarried = /[\0\r\n]/;
const plain = /^[\w@%+=:,./-]+$/;

/** @throws RangeError naming the command whose words the format cannot carry */
export function kickstartText(commands: readonly KickstartCommand[], sections: readonly KickstartSection[]): string {
  return [...commands.map(commandLine), ...sections.map(sectionText)].join('');
}

function commandLine({ name, words }: KickstartCommand): string {
  return `${[name, ...words.map((word) => quoted(word, name))].join(' ')}\n`;
}

function quoted(word: string, command: string): string {
  if (uncarried.test(word)) throw new RangeError(`a kickstart file cannot carry ${JSON.stringify(word)} for ${command}`);
  return plain.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

function sectionText({ name, options, lines }: KickstartSection): string {
  for (const line of lines) {
    if (uncarried.test(line)) throw new RangeError(`a kickstart file cannot carry ${JSON.stringify(line)} in ${name}`);
    // Whatever stands at the beginning of a line ends a section, or begins another one.
    if (/^\s*%(end|include|packages|pre|post|addon|anaconda|onerror|traceback|certificate)\b/.test(line))
      throw new RangeError(`a line of ${name} must not begin with ${line.trim().split(/\s/)[0] ?? ''}`);
  }
  return `\n${[name, ...options.map((option) => quoted(option, name))].join(' ')}\n${lines.map((line) => `${line}\n`).join('')}%end\n`;
}
