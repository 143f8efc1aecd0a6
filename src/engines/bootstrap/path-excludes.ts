import { unlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { exec } from '../../util/exec.ts';
import { join } from 'node:path';

/**
 * Removes what a minimal image leaves out, and tells the image's own dpkg to leave it out of later updates too.
 * `excludes` are dpkg's globs; one that begins with `!` takes paths back in.
 */
export async function excludePaths(tree: string, excludes: string[]): Promise<void> {
  if (excludes.length === 0) return;
  const lines = excludes.map((glob) => (glob.startsWith('!') ? `path-include=${glob.slice(1)}` : `path-exclude=${glob}`));
  await writeFile(
    join(tree, 'etc/dpkg/dpkg.cfg.d/50gabarit'),
    `# Made by Gabarit: a minimal image has no documentation; licences stay.\n${lines.join('\n')}\n`,
  );
  const roots = [
    ...new Set(
      excludes.map((glob) =>
        glob
          .replace(/^!/, '')
          .replace(/[*?[].*$/, '')
          .replace(/\/[^/]*$/, ''),
      ),
    ),
  ];
  const { stdout } = await exec(
    ['find', ...roots.map((root) => join(tree, root)), '-xdev', '!', '-type', 'd', '-printf', '%y%p\\0'],
    {
      okExitCodes: [0, 1],
    },
  );
  const rules = excludes.map((line) => {
    const glob = line.replace(/^!/, '');
    return { glob, keep: line !== glob, pattern: globPattern(glob) };
  });
  // Where a path may be taken back in, a link may lead to it: a package's folder that is another's, with its licence.
  const ways = rules.filter(({ keep }) => keep).map(({ glob }) => globPattern(glob.slice(0, glob.lastIndexOf('/'))));
  // Thousands of files: one by one without a promise each, it takes a tenth of the time.
  for (const found of stdout.split('\0')) {
    if (found === '') continue;
    const path = found.slice(1);
    const inside = path.slice(tree.length);
    if (found.startsWith('l') && ways.some((way) => way.test(inside))) continue;
    // As in dpkg, the last rule that matches decides.
    if (rules.findLast(({ pattern }) => pattern.test(inside))?.keep === false) unlinkSync(path);
  }
  await exec(['find', ...roots.map((root) => join(tree, root)), '-xdev', '-mindepth', '1', '-type', 'd', '-empty', '-delete'], {
    okExitCodes: [0, 1],
  });
}

function globPattern(glob: string): RegExp {
  return new RegExp(
    `^${glob
      .replaceAll(/[.+^${}()|\\]/g, String.raw`\$&`)
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  );
}
