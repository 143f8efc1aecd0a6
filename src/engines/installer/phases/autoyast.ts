import { enter, fail, type ReadLine } from './phase.ts';

/** SUSE's installer: linuxrc first, then YaST with AutoYaST's steps. */
export const readAutoyast: ReadLine = (progress, line) => {
  const loading = /Loading Installation System \((\d+)\/(\d+)\)/.exec(line);
  if (loading) return enter(progress, 'components', { done: Number(loading[1]), total: Number(loading[2]) });
  if (/\*\*\* Starting YaST2? \*\*\*/.test(line)) return enter(progress, 'answers');
  if (/Could not find the (?:openSUSE|SUSE).*|No repository found/.test(line))
    return fail(progress, 'it does not find its packages', 'Check the mirror, or use a medium that holds the packages.');
  if (/(Creating|Formatting) partition/.test(line)) return enter(progress, 'partitioning');
  const packages = /Installing (\S+?)(?:\.rpm)? .*\((\d+)\/(\d+)\)|Package (\d+) of (\d+)/.exec(line);
  if (packages)
    return enter(progress, 'packages', {
      ...(packages[1] === undefined ? {} : { note: packages[1] }),
      done: Number(packages[2] ?? packages[4]),
      total: Number(packages[3] ?? packages[5]),
    });
  if (/(Installing|Install) boot ?loader/i.test(line)) return enter(progress, 'bootloader');
  if (/Finishing (Basic )?Installation|Finish Installation/i.test(line)) return enter(progress, 'finishing');
  return progress;
};

export function autoyastQuestion(console: string): string | undefined {
  return /(?:I can't display the menu[^\n]*|Please make sure your installation medium is available\.[^]*?)$/
    .exec(console.trimEnd())?.[0]
    .split('\n')[0];
}
