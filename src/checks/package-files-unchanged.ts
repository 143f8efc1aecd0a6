import type { Rootfs, RootfsCheck } from '../model/check.ts';
import { failures } from './shared/all-files.ts';
import { statements } from './shared/config-text.ts';
import { changedFiles } from './shared/packages.ts';

export const packageFilesUnchanged: RootfsCheck = {
  id: 'package-files-unchanged',
  title: 'Every file of every package is as its package brought it (configuration aside)',
  on: 'rootfs',
  async run({ rootfs }, { quick }) {
    const { changed, missing } = await changedFiles(rootfs, quick);
    const isExcluded = await pathExcludes(rootfs);
    const faults = failures([
      ...changed.map(({ path, name }) => `${path} is not as the package ${name} brought it`),
      ...missing.filter(({ path }) => !isExcluded(path)).map(({ path, name }) => `${path} of the package ${name} is missing`),
    ]);
    if (faults.length > 0 || !quick) return faults;
    return [{ status: 'skip', message: 'only what the build itself wrote was read; "gabarit verify" reads every file' }];
  },
};

/** What dpkg is told to leave out, the last rule that fits deciding: `path-exclude` and `path-include`. */
async function pathExcludes(rootfs: Rootfs): Promise<(path: string) => boolean> {
  const files = [
    '/etc/dpkg/dpkg.cfg',
    ...(await rootfs.list('/etc/dpkg/dpkg.cfg.d')).map((name) => `/etc/dpkg/dpkg.cfg.d/${name}`),
  ];
  const rules: { excludes: boolean; glob: RegExp }[] = [];
  for (const file of files) {
    for (const line of statements((await rootfs.readText(file)) ?? '')) {
      const [, kind, glob] = /^path-(exclude|include)[\s=]+(.+)$/.exec(line) ?? [];
      if (glob !== undefined) rules.push({ excludes: kind === 'exclude', glob: globPattern(glob) });
    }
  }
  return (path) => rules.findLast(({ glob }) => glob.test(path))?.excludes ?? false;
}

/** dpkg's globs are fnmatch(3)'s without flags: a star goes over slashes. */
function globPattern(glob: string): RegExp {
  const source = glob
    .replaceAll(/[.+^${}()|\\]/g, String.raw`\$&`)
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
    .replaceAll('[!', '[^');
  return new RegExp(`^${source}$`);
}
