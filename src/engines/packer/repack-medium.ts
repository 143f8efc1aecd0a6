import { rm, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeSshKey } from '../../clients/ssh.ts';
import type { Distro, Release } from '../../model/distro.ts';
import type { Plan } from '../../model/plan.ts';
import type { StepContext } from '../../model/step.ts';
import { type Digest, digestOfFile } from '../../util/digest.ts';
import { AppError } from '../../util/errors.ts';
import { repackIso } from '../shared/answers/repack-iso.ts';
import { fetchMedium } from '../shared/media/fetch-medium.ts';
import { answersFor } from './answers-for.ts';

/** A medium that answers by itself, and the key of its build: it is on the medium, so it cannot be another one for each build. */
export interface RepackedMedium {
  path: string;
  digest: Digest;
  key: string;
  publicKey: string;
}

/**
 * Repacks the plan's medium for installers that would have to be typed for. @throws AppError USAGE where nothing needs to be typed, or
 * there is no medium; whatever fetching and repacking throw
 */
export async function repackMedium(plan: Plan, distro: Distro, release: Release, ctx: StepContext): Promise<RepackedMedium> {
  const { medium } = plan;
  if (medium?.kind !== 'iso')
    throw new AppError('USAGE', 'This builder begins with no installation medium: there is nothing to repack', {
      hint: 'Leave --repack out.',
    });
  const path = join(ctx.workdir, 'build-key');
  ctx.scope.defer(() => Promise.all([path, `${path}.pub`].map((file) => rm(file, { force: true }))));
  const publicKey = await makeSshKey(path, 'gabarit-build');
  const { answers, volume } = answersFor(plan, distro, release, publicKey, true);
  if (volume === 'OEMDRV')
    throw new AppError(
      'USAGE',
      `The installer of ${release.title} finds its answers by itself: nothing is typed without --repack either`,
      {
        hint: 'Leave --repack out.',
      },
    );
  const iso = await fetchMedium(medium, ctx);
  const { installer } = release;
  // Of a medium that is in the drive, subiquity reads what cloud-init has read before it.
  const source = answers.delivery.by === 'volume' ? ['ds=nocloud;s=/cdrom/'] : [];
  const kernelArguments = [...new Set([...installer.arguments, ...source, ...answers.kernelArguments])];
  const repacked = await repackIso({ iso, digest: medium.digest as Digest, installer, answers, kernelArguments }, ctx);
  return { path: repacked, digest: await digestOfFile(repacked, ctx.signal), key: await readFile(path, 'utf8'), publicKey };
}
