import { enter, fail, type ReadLine } from './phase.ts';

/** Ubuntu's installer: the events that it writes to its console and journal, `start:` and `finish:` or indented. */
export const readSubiquity: ReadLine = (progress, line) => {
  const event = /(?:^|\s)(?:(start|finish): )?subiquity\/(\S+?):? (.*)$/.exec(line);
  const failed = /finish: (?:subiquity\/|cmd-)(\S+?): FAIL: (.*)/.exec(line);
  if (failed) return fail(progress, `${failed[1]} failed: ${failed[2]}`, 'Its log tells more.');
  if (/An error occurred\. Press enter to start a shell/.test(line))
    return fail(progress, 'it stopped at an error', 'Its log tells more.');
  if (/Malformed autoinstall/.test(line)) return fail(progress, line.trim(), 'It does not understand its answers.');
  const path = event?.[2] ?? '';
  const note = event?.[3]?.replace(/^SUCCESS: /, '').trim() ?? '';
  if (path === '') return progress;
  if (/^(Early|core_validation|Autoinstall|Meta|Reporting)/.test(path)) return enter(progress, 'answers');
  if (/^(Network|Mirror|Proxy)/.test(path)) return enter(progress, 'network');
  if (/partitioning/.test(line)) return enter(progress, 'partitioning');
  if (/postinstall\/(install_|run_unattended)/.test(path)) return enter(progress, 'packages', { note });
  if (/curtin_install.*(extract|run)|executing curtin install extract/.test(line)) return enter(progress, 'base', { note });
  if (/curthooks|install_kernel|kernel/.test(path)) return enter(progress, 'packages', { note });
  if (/^(Late|Shutdown)/.test(path)) return enter(progress, 'finishing');
  return progress;
};

export function subiquityQuestion(console: string): string | undefined {
  return /Continue with autoinstall\? \(yes\|no\)\s*$/.exec(console)?.[0].trim();
}
