import type { Verdict } from '../model/check.ts';
import type { BootedMachine } from '../model/machine.ts';

/** The check report as files: JSON for programs, JUnit for CI systems. `machines` are those that were booted, if any were. */
export function checkReportFiles(
  template: string,
  version: string,
  verdicts: Verdict[],
  machines: BootedMachine[] = [],
): { name: string; content: string }[] {
  const report = { schema: 'gabarit.checks/1', template, version, verdicts, ...(machines.length > 0 ? { machines } : {}) };
  return [
    { name: 'checks.json', content: `${JSON.stringify(report, null, 2)}\n` },
    { name: 'checks.junit.xml', content: junit(`${template}@${version}`, verdicts) },
  ];
}

/** One test case a verdict. A warning passes, with its text as output, because JUnit knows no warnings. */
function junit(name: string, verdicts: Verdict[]): string {
  const count = (status: Verdict['status']): number => verdicts.filter((verdict) => verdict.status === status).length;
  const cases = verdicts.map((verdict) => {
    const subject = verdict.subject === undefined ? '' : ` (${verdict.subject})`;
    const open = `  <testcase classname="${escape(verdict.check)}" name="${escape(verdict.title + subject)}" time="${((verdict.durationMs ?? 0) / 1000).toFixed(3)}"`;
    if (verdict.status === 'fail') return `${open}><failure message="${escape(verdict.message)}"/></testcase>`;
    if (verdict.status === 'skip') return `${open}><skipped message="${escape(verdict.message)}"/></testcase>`;
    return verdict.message === '' ? `${open}/>` : `${open}><system-out>${escape(verdict.message)}</system-out></testcase>`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="${escape(name)}" tests="${verdicts.length}" failures="${count('fail')}" errors="0" skipped="${count('skip')}">
${cases.join('\n')}
</testsuite>
`;
}

const notInXml = new RegExp(String.raw`[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]`, 'g');

/** Text for XML: markup escaped, and the white space that attributes would lose; characters that XML 1.0 does not know replaced. */
function escape(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };
  return text
    .replaceAll(/[&<>"']/g, (letter) => entities[letter] ?? letter)
    .replaceAll(/[\t\n\r]/g, (letter) => `&#${letter.charCodeAt(0)};`)
    .replaceAll(notInXml, '\ufffd');
}
