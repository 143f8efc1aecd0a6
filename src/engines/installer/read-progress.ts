import type { AnsweredInstaller } from '../shared/answers/answers.ts';
import { anacondaQuestion, readAnaconda } from './phases/anaconda.ts';
import { autoyastQuestion, readAutoyast } from './phases/autoyast.ts';
import { debianQuestion, readDebianInstaller } from './phases/debian-installer.ts';
import { beginning, enter, type Progress, readKernelLine, type ReadLine } from './phases/phase.ts';
import { readSubiquity, subiquityQuestion } from './phases/subiquity.ts';

interface Reader {
  line: ReadLine;
  /** The question that a console ends with. */
  question: (console: string) => string | undefined;
}

const readers: Record<AnsweredInstaller, Reader> = {
  'debian-installer': { line: readDebianInstaller, question: debianQuestion },
  subiquity: { line: readSubiquity, question: subiquityQuestion },
  anaconda: { line: readAnaconda, question: anacondaQuestion },
  autoyast: { line: readAutoyast, question: autoyastQuestion },
};

/** The bar of `screen`, in which Debian's installer runs: it tells the time, which is no progress. */
const bar = /\[[ \d]*(?:start)?\s*\(\d\*\w+\)[^\]]*\]\[[^\]]*\]/g;

export function withoutBars(console: string): string {
  return console.replaceAll(bar, '');
}

/** What a machine told on its console, in its log (its second serial port), and by calling. Pure. */
export function readProgress(
  kind: AnsweredInstaller,
  told: { console: string; log: string; calls: readonly string[] },
): Progress {
  const { line, question } = readers[kind];
  const console = withoutBars(told.console);
  let progress = beginning;
  // Debian's console shows what its log tells in full; with the others, it is the console that tells.
  const texts = kind === 'debian-installer' ? [console, told.log] : [told.log, console];
  for (const text of texts) for (const each of text.split('\n')) progress = line(readKernelLine(progress, each), each);
  const asked = question(console);
  if (asked !== undefined) progress = { ...progress, question: asked };
  return told.calls.includes('installed') && !progress.failure ? enter(progress, 'done') : progress;
}
