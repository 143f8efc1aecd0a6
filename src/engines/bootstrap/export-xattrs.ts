import type { ExecResult } from '../../util/exec.ts';

/** Extended attributes (file capabilities, access lists) of all that an overlay changed. */
export interface ChangedXattrs {
  /** By path, with each value in a file. */
  files: Map<string, { name: string; file: string }[]>;
  /** Names that folders of the base had and have no longer. Of all else the replay makes new files anyway. */
  gone: Map<string, string[]>;
}

const script = `
import json, os, sys
upper, lower, out = sys.argv[1:4]
files, gone = {}, {}
n = 0
for folder, folders, names in os.walk(upper):
    for name in folders + names:
        path = os.path.join(folder, name)
        inside = path[len(upper):]
        keys = [key for key in os.listxattr(path, follow_symlinks=False) if 'overlay.' not in key]
        for key in keys:
            n += 1
            with open('%s/xattr-%d' % (out, n), 'wb') as f:
                f.write(os.getxattr(path, key, follow_symlinks=False))
            files.setdefault(inside, []).append({'name': key, 'file': '%s/xattr-%d' % (out, n)})
        old = lower + inside
        if os.path.isdir(path) and not os.path.islink(path) and os.path.isdir(old) and not os.path.islink(old):
            lost = sorted(set(os.listxattr(old)) - set(keys))
            if lost:
                gone[inside] = lost
print(json.dumps([files, gone]))
`;

/**
 * Node cannot read extended attributes, Python can: `run` runs it where `upper` (what overlayfs recorded), `lower` (the base) and
 * `out` (a folder for the values) are.
 */
export async function exportXattrs(
  upper: string,
  lower: string,
  out: string,
  run: (argv: string[]) => Promise<ExecResult>,
): Promise<ChangedXattrs> {
  const { stdout } = await run(['python3', '-I', '-c', script, upper, lower, out]);
  const [files, gone] = JSON.parse(stdout) as [Record<string, { name: string; file: string }[]>, Record<string, string[]>];
  return { files: new Map(Object.entries(files)), gone: new Map(Object.entries(gone)) };
}
