import { join } from 'node:path';
import type { Scope } from '../../util/scope.ts';
import { bindInside, runInside } from './chroot.ts';
import { type ConfigureContext, prepareForScripts } from './configure.ts';
import type { UnpackedPackage } from './dpkg-database.ts';
import { mkdir, rm, writeFile } from 'node:fs/promises';

/**
 * The slow way, `engine.options.unpack: dpkg`: the files of the packages are already there, so that dpkg can run at all; then dpkg
 * itself unpacks every package over them, with its own database and all preinst scripts.
 */
export async function unpackWithDpkg(
  ctx: ConfigureContext,
  packages: UnpackedPackage[],
  packageDir: string,
  scope: Scope,
): Promise<void> {
  const { tree } = ctx;
  const admin = join(tree, 'var/lib/dpkg');
  for (const folder of ['info', 'updates', 'triggers', 'parts', 'alternatives'])
    await mkdir(join(admin, folder), { recursive: true });
  for (const name of ['status', 'available', 'diversions', 'statoverride']) await writeFile(join(admin, name), '');
  await prepareForScripts(ctx);
  await rm(join(tree, 'usr/bin/awk'), { force: true });
  const inside = await bindInside(tree, packageDir, 'packages', scope, { readOnly: true });
  const files = packages.map(({ sha256 }) => `${inside}/${sha256}.deb`);
  await runInside(
    tree,
    ['dpkg', '--force-unsafe-io', '--force-confnew', '--force-depends', '--force-overwrite', '--unpack', ...files],
    ctx.environment,
    {
      errorCode: 'BUILD_FAILED',
      what: 'dpkg --unpack',
      onLine: (line) => ctx.emit({ type: 'log', level: 'debug', message: line, source: 'dpkg' }),
    },
  );
}
