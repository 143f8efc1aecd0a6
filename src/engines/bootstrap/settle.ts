import { chmod, lchown, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../util/errors.ts';
import { exec } from '../../util/exec.ts';
import type { Member } from './extract.ts';
import type { UnpackedPackage } from './dpkg-database.ts';

/**
 * Packages are unpacked side by side, in no particular order. Where two of them bring the same path, this makes the outcome what
 * dpkg's would be, whatever the order was: a file belongs to the package that replaces the other, a folder keeps what the first
 * package said of it.
 */
export async function settleSharedPaths(
  tree: string,
  packages: UnpackedPackage[],
  pathOf: (sha256: string) => string,
): Promise<void> {
  const owners = new Map<string, { item: UnpackedPackage; member: Member }[]>();
  for (const item of packages) {
    for (const member of item.members) {
      const list = owners.get(member.path);
      if (list) list.push({ item, member });
      else owners.set(member.path, [{ item, member }]);
    }
  }
  for (const [path, shared] of owners) {
    if (shared.length === 1 || shared.some(({ member }) => member.type === 'directory')) continue;
    const winner = shared.find(({ item }) => shared.every((other) => other.item === item || replaces(item, other.item)));
    if (winner === undefined) {
      throw new AppError('BUILD_FAILED', `${shared.map(({ item }) => item.name).join(' and ')} both bring ${path}`, {
        hint: 'Remove one of them, or build with engine.options.unpack: dpkg to hear what dpkg says.',
      });
    }
    await rm(join(tree, path), { force: true });
    await extractOne(pathOf(winner.item.sha256), tree, path);
    for (const { item } of shared) if (item !== winner.item) item.members = item.members.filter((member) => member.path !== path);
  }
  // After all that changes what is in folders, and with that their times.
  for (const [path, [first, ...others]] of owners) {
    if (first === undefined || [first, ...others].some(({ member }) => member.type !== 'directory')) continue;
    // Two tars that make a folder at the same time may each restore what the other had not finished: so all of them are set.
    await lchown(join(tree, path), first.member.uid, first.member.gid);
    await chmod(join(tree, path), first.member.mode);
    // Its time would tell which package came last; the initramfs copies it.
    await utimes(join(tree, path), first.member.mtime, first.member.mtime);
  }
}

function replaces(item: UnpackedPackage, other: UnpackedPackage): boolean {
  return (item.fields.get('replaces') ?? '').split(',').some((clause) => clause.trim().split(/[\s(:]/)[0] === other.name);
}

async function extractOne(deb: string, tree: string, path: string): Promise<void> {
  await exec(
    [
      'sh',
      '-c',
      'dpkg-deb --fsys-tarfile "$1" | tar --extract --file=- --directory "$2" --preserve-permissions --numeric-owner "$3"',
      'sh',
      deb,
      tree,
      `.${path}`,
    ],
    {
      what: `unpacking ${path} again`,
    },
  );
}
