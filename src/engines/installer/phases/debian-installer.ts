import { enter, fail, type PhaseId, type ReadLine } from './phase.ts';

/** Debian's installer: its syslog, and the text front end on its console. */

/** Items of its main menu, which it enters one after the other. */
const items: [name: RegExp, phase: PhaseId][] = [
  [/^(ethdetect|netcfg|network-preseed)/, 'network'],
  [/^(choose-mirror|download-installer|load-cdrom|cdrom-detect|anna)/, 'components'],
  [/^(disk-detect|partman)/, 'partitioning'],
  [/^(bootstrap-base|base-installer|live-installer)/, 'base'],
  [/^(apt-setup|pkgsel|tasksel)/, 'packages'],
  [/^(grub-installer|nobootloader)/, 'bootloader'],
  [/^(finish-install|prebaseconfig)/, 'finishing'],
];

const otherMirror = 'Use a mirror that has all of the archive, its debian-installer section included (mirrors in gabarit.yaml).';

export const readDebianInstaller: ReadLine = (progress, line) => {
  if (/preseed: successfully loaded preseed file/.test(line)) return enter(progress, 'answers');
  const item = /main-menu\[\d+\]: INFO: Menu item '([^']+)' selected/.exec(line)?.[1];
  const phase = item === undefined ? undefined : items.find(([name]) => name.test(item))?.[1];
  if (phase !== undefined) return enter(progress, phase);
  const component = /anna\[\d+\]: DEBUG: retrieving (\S+)/.exec(line)?.[1];
  if (component !== undefined) return enter(progress, 'components', { note: component, done: (progress.done ?? 0) + 1 });
  if (/anna\[\d+\]: WARNING \*\*: package retrieval failed/.test(line))
    return fail(progress, `the mirror lacks installer components: ${progress.note ?? 'one of them'}`, otherMirror);
  if (/net-retriever: error: |No kernel modules were found/.test(line))
    return fail(
      progress,
      "the mirror's installer components are not those of this installer",
      'Use a medium of the same point release as the mirror.',
    );
  if (/udhcpc: no lease, failing/.test(line))
    return fail(progress, 'no network: nobody answered by DHCP', 'Check that the machine may reach the network of this host.');
  const unreachable =
    /wget: (unable to resolve host address .*|.*failed: (?:Connection refused|No route to host|Connection timed out).*)/.exec(
      line,
    )?.[1];
  if (unreachable !== undefined)
    return fail(progress, `the mirror cannot be reached: ${unreachable.trim()}`, 'Check the network and the mirror.');
  return readPackages(progress, line);
};

const readPackages: ReadLine = (progress, line) => {
  const base = /debootstrap: (?:Unpacking|Setting up) (\S+?)(?::\S+)? \(/.exec(line)?.[1];
  if (base !== undefined) return enter(progress, 'base', { note: base, done: (progress.done ?? 0) + 1 });
  const counted = /in-target: .*?(\d+) newly installed/.exec(line)?.[1];
  if (counted !== undefined) return enter(progress, 'packages', { done: 0, total: Number(counted) });
  const installed = /in-target: Setting up (\S+?)(?::\S+)? \(/.exec(line)?.[1];
  if (installed !== undefined && (progress.phase === 'packages' || progress.phase === 'base')) {
    const done = (progress.done ?? 0) + 1;
    const total = progress.total === undefined || done > progress.total ? {} : { total: progress.total };
    return enter(progress, progress.phase, { note: installed, done, ...total });
  }
  const error = /\b(base-installer|pkgsel|grub-installer|apt-setup): error: (.*)/.exec(line);
  if (error) return fail(progress, `${error[1]} failed: ${error[2]}`, 'Its log tells more.');
  return progress;
};

/**
 * The question at the end of a console, or undefined: the text front end ends with `Prompt:` and waits. Its title is underlined, and
 * what it is about comes last before the choices.
 */
export function debianQuestion(console: string): string | undefined {
  const lines = console.split('\n').map((line) => line.trimEnd());
  const last = lines.findLastIndex((line) => line.trim() !== '');
  if (last === -1 || lines[last]?.startsWith('Prompt:') !== true) return undefined;
  const underline = lines.findLastIndex((line, index) => index < last && /^-{4,}$/.test(line.trim()));
  const title =
    lines
      .slice(0, Math.max(underline, 0))
      .findLast((line) => line.trim() !== '')
      ?.trim() ?? '';
  const about = lines
    .slice(underline + 1, last)
    .filter((line) => !/^\s*\d+: /.test(line))
    .findLast((line) => line.trim() !== '')
    ?.trim();
  return [title, about].filter((part) => part !== undefined && part !== '').join(': ');
}
