import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../src/util/exec.ts';

/** What a small package is made of. */
export interface SmallDeb {
  name: string;
  /** Further control fields. */
  fields?: Record<string, string>;
  /** Shell that fills the folder of its files, where it runs. */
  files: string;
  /** Files of its control archive. */
  control?: Record<string, string>;
}

/** Makes a real package by dpkg-deb. Its files have the time 2026-01-02 unless `files` says otherwise. */
export async function makeDeb(
  folder: string,
  { name, fields = {}, files, control = {} }: SmallDeb,
): Promise<{ path: string; sha256: string }> {
  const tree = join(folder, `${name}-tree`);
  const path = join(folder, `${name}.deb`);
  const stanza = {
    Package: name,
    Version: '1.0',
    Architecture: 'amd64',
    Maintainer: 'Nobody <nobody@example.org>',
    Description: 'small',
    ...fields,
  };
  const all = {
    ...control,
    control: Object.entries(stanza)
      .map(([key, value]) => `${key}: ${value}\n`)
      .join(''),
  };
  const script = `mkdir -p "$1/DEBIAN"; cd "$1"; umask 022; ${files}
find . -newermt 2026-06-01 -exec touch -h -d 2026-01-02T00:00:00Z {} +`;
  await exec(['sh', '-ec', script, 'sh', tree]);
  for (const [file, content] of Object.entries(all)) {
    await exec(
      [
        'sh',
        '-ec',
        'cat > "$1"; case "$1" in *inst|*rm) chmod 755 "$1";; *) chmod 644 "$1";; esac',
        'sh',
        join(tree, 'DEBIAN', file),
      ],
      { input: content },
    );
  }
  await exec(['dpkg-deb', '--build', '-Znone', tree, path]);
  return {
    path,
    sha256: createHash('sha256')
      .update(await readFile(path))
      .digest('hex'),
  };
}
