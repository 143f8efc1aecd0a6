import { randomBytes } from 'node:crypto';
import { access, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openIso9660 } from '../../../disk/iso9660.ts';
import { fileSource } from '../../../disk/file-source.ts';
import type { Installer } from '../../../model/installer.ts';
import type { StepContext } from '../../../model/step.ts';
import { type Digest, digestOfJson, shortDigest } from '../../../util/digest.ts';
import { AppError } from '../../../util/errors.ts';
import { exec } from '../../../util/exec.ts';
import { finishFile } from '../../../util/files.ts';
import { lockFile } from '../../../util/lock-file.ts';
import type { Answers } from './answers.ts';
import { bootMenu } from './boot-menu.ts';
import { initrdWithAnswers } from './deliver.ts';

/** Raised when the same medium and answers give another result than before. */
const revision = 1;

export interface RepackRequest {
  /** The vendor's medium, and its digest. */
  iso: string;
  digest: Digest;
  installer: Installer;
  answers: Answers;
  /** Of the installer's kernel, in order. `{volumeId}` is that of the medium. */
  kernelArguments: readonly string[];
}

type RepackContext = Pick<StepContext, 'cacheDir' | 'workdir' | 'signal' | 'emit'>;

/**
 * A medium like the vendor's that installs without a question: the answers on it, and a boot menu that starts by itself. Everything
 * else, its boot records for BIOS and UEFI and its volume id included, stays as it is. Kept in the cache by medium and answers.
 * @throws AppError IMAGE_INVALID when the medium lacks the files of this installer; TOOL_MISSING
 */
export async function repackIso(request: RepackRequest, ctx: RepackContext): Promise<string> {
  const { digest, installer, answers, kernelArguments } = request;
  const key = digestOfJson({ revision, digest, boot: installer.boot, deliver: installer.deliver, answers, kernelArguments });
  const folder = join(ctx.cacheDir, 'media');
  const path = join(folder, `repacked-${shortDigest(key)}.iso`);
  await mkdir(folder, { recursive: true });
  const lock = await lockFile(`${path}.lock`, { signal: ctx.signal });
  try {
    if (!(await exists(path))) await repack(request, path, ctx);
    return path;
  } finally {
    await lock?.release();
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function repack(request: RepackRequest, path: string, ctx: RepackContext): Promise<void> {
  const { iso, installer, answers } = request;
  const work = join(ctx.workdir, `repack-${randomBytes(4).toString('hex')}`);
  const part = `${path}.part`;
  await mkdir(work, { recursive: true });
  try {
    const maps: [source: string, to: string][] = [];
    const add = async (to: string, content: string): Promise<void> => {
      const source = join(work, `file${maps.length}`);
      await writeFile(source, content);
      maps.push([source, to]);
    };
    const medium = await readMedium(iso, installer, work);
    const words = request.kernelArguments.map((word) => word.replaceAll('{volumeId}', medium.volumeId));
    if (answers.delivery.by === 'initrd') {
      await initrdWithAnswers(medium.initrd, answers, `${medium.initrd}.new`);
      maps.push([`${medium.initrd}.new`, installer.boot.initrd]);
    } else for (const { name, text } of answers.files) await add(`/${name}`, text);
    const { kernel, initrd } = installer.boot;
    for (const menu of medium.menus) await add(menu, bootMenu(menu, { kernel, initrd, arguments: words }));
    await rm(part, { force: true });
    await exec(
      [
        ['xorriso', '-abort_on', 'FAILURE', '-return_with', 'FAILURE', '32', '-indev', iso, '-outdev', part],
        ['-volid', medium.volumeId, '-boot_image', 'any', 'replay', '-compliance', 'no_emul_toc'],
        ...maps.map(([source, to]) => ['-map', source, to]),
        ['-commit', '-end'],
      ].flat(),
      { signal: ctx.signal, what: `Repacking ${iso}`, errorCode: 'IMAGE_INVALID' },
    );
    await finishFile(part, path);
  } finally {
    await rm(work, { recursive: true, force: true });
    await rm(part, { force: true });
  }
}

interface Medium {
  volumeId: string;
  /** Its initial ramdisk, copied out. */
  initrd: string;
  /** Which of the installer's boot menus it has. */
  menus: string[];
}

async function readMedium(iso: string, installer: Installer, work: string): Promise<Medium> {
  await using source = await fileSource(iso);
  const medium = await openIso9660(source);
  const bytes = await medium.readFile(installer.boot.initrd);
  if (!bytes || !(await medium.find(installer.boot.kernel)))
    throw new AppError(
      'IMAGE_INVALID',
      `${iso} (${medium.volumeId}) has no ${bytes ? installer.boot.kernel : installer.boot.initrd}`,
      {
        hint: 'It is not a medium of this installer: "gabarit inspect" tells what it is.',
      },
    );
  const initrd = join(work, 'initrd');
  await writeFile(initrd, bytes);
  const wanted = installer.deliver.flatMap((way) => (way.by === 'medium' ? way.menus : []));
  const found = await Promise.all(wanted.map(async (menu) => ((await medium.find(menu)) ? [menu] : [])));
  const menus = found.flat();
  if (menus.length === 0)
    throw new AppError('IMAGE_INVALID', `${iso} (${medium.volumeId}) has no boot menu at ${wanted.join(' or ')}`);
  return { volumeId: medium.volumeId, initrd, menus };
}
