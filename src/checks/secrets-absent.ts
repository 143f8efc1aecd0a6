import type { RootfsCheck } from '../model/check.ts';
import { allFiles, failures } from './shared/all-files.ts';
import { changedFiles, packageFiles } from './shared/packages.ts';
import { secretsIn } from './shared/secrets.ts';

/** Larger files are read up to here. */
const maxSize = 8 * 2 ** 20;
/** Made from files that are looked at themselves, or that have a check of their own. */
const derived = /(\.pyc|^\/boot\/initrd\.img-[^/]*)$/;
/** Where password hashes belong; passwords-locked looks at them. */
const shadow = /^\/etc\/g?shadow$/;

export const secretsAbsent: RootfsCheck = {
  id: 'secrets-absent',
  title: 'No keys, tokens or passwords in files that are not as a package brought them',
  on: 'rootfs',
  async run({ rootfs }, { signal, quick }) {
    const { digests, conffiles } = await packageFiles(rootfs);
    const { changed, edited } = await changedFiles(rootfs, quick);
    const own = new Set([...edited, ...changed.map(({ path }) => path)]);
    const faults: string[] = [];
    for (const { path, type, size } of await allFiles(rootfs)) {
      if (type !== 'file' || size === 0 || derived.test(path) || shadow.test(path)) continue;
      if ((digests.has(path) || conffiles.has(path)) && !own.has(path)) continue;
      signal.throwIfAborted();
      const bytes = (await rootfs.readFile(path)) ?? Buffer.alloc(0);
      for (const { rule, line } of secretsIn(path, bytes.subarray(0, maxSize)))
        faults.push(`${path} holds ${rule} (line ${line})`);
    }
    return failures(faults);
  },
};
