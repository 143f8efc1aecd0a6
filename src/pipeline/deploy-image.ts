import { join } from 'node:path';
import type { Catalog, PublishedImage } from '../model/catalog.ts';
import type { BlockSource, Format } from '../model/format.ts';
import type { ImageReference } from '../model/image-reference.ts';
import type { Manifest } from '../model/manifest.ts';
import type { PlatformId } from '../model/platform.ts';
import type { StepContext } from '../model/step.ts';
import type { Store } from '../model/store.ts';
import type { DeployRequest } from '../model/target.ts';
import { describeDisk } from '../model/vm-description.ts';
import { AppError } from '../util/errors.ts';

/** Where an image is deployed from. */
export interface ImageSource {
  catalog: Catalog;
  store: Store;
}

/** Formats by what they cost to be read as a disk, the cheapest first. */
const preferred = ['xva', 'raw', 'vhd', 'vmdk', 'qcow2'];

/**
 * An image of the catalog as something to deploy. Its bytes are fetched when the first target needs them, once for all targets,
 * and proven before the first of them is sent anywhere.
 * @throws AppError NOT_FOUND, DIGEST_MISMATCH; what the catalog says of images that must not be used
 */
export async function readImage(
  reference: ImageReference,
  { catalog, store }: ImageSource,
  formats: readonly Format[],
  ctx: StepContext,
): Promise<{ request: Pick<DeployRequest, 'image' | 'vm' | 'virtualSize' | 'openDisk'>; platforms: string[] }> {
  const { template, digest } = await catalog.resolve(reference);
  const { image, manifest } = await catalog.show({ template, by: 'digest', digest });
  let fetched: Promise<() => Promise<BlockSource>> | undefined;
  const openDisk = async (): Promise<BlockSource> => {
    fetched ??= fetchDisk(image, manifest, store, formats, ctx);
    return (await fetched)();
  };
  const { version } = image;
  return {
    platforms: manifest.platforms,
    request: {
      image: { template, version, digest },
      vm: machineOf(manifest, digest),
      virtualSize: manifest.sizes.virtual,
      openDisk,
    },
  };
}

/** @throws AppError IMAGE_INVALID when an image was not made for what a target runs */
export function refusePlatform(image: string, platforms: readonly string[], platform: PlatformId, target: string): void {
  if (platforms.includes(platform)) return;
  throw new AppError(
    'IMAGE_INVALID',
    `${image} was not made for ${target}, whose platform is ${platform}: it is for ${platforms.join(', ')}`,
    {
      hint: `Add "${platform}" to the platforms of the definition, build it again and publish it.`,
    },
  );
}

function machineOf(manifest: Manifest, digest: string): DeployRequest['vm'] {
  const { template, version, description, os, firmware } = manifest;
  return describeDisk({
    name: template,
    description: [description, `${os.pretty}, ${template} ${version}, deployed by Gabarit`]
      .filter((part) => part !== '')
      .join('\n'),
    version,
    digest,
    time: manifest.sourceDateEpoch,
    firmware: firmware === 'bios' || firmware === 'uefi' ? firmware : 'both',
    os: { title: os.pretty, family: os.distro, release: os.release },
  });
}

async function fetchDisk(
  image: PublishedImage,
  manifest: Manifest,
  store: Store,
  formats: readonly Format[],
  ctx: StepContext,
): Promise<() => Promise<BlockSource>> {
  const choices = preferred.flatMap((id) => {
    const artifact = manifest.artifacts.find((candidate) => candidate.format === id);
    const format = formats.find((candidate) => candidate.id === id);
    return artifact && format ? [{ artifact, format }] : [];
  });
  const [choice] = choices;
  if (!choice) {
    const has = manifest.artifacts.map(({ format }) => format).join(', ') || 'none';
    throw new AppError('IMAGE_INVALID', `${image.template} ${image.version} has no disk that can be deployed (it has ${has})`, {
      hint: `Formats that can: ${preferred.join(', ')}.`,
    });
  }
  const { artifact, format } = choice;
  const path = join(ctx.workdir, artifact.name);
  const started = performance.now();
  ctx.emit({ type: 'step.started', step: 'fetch', title: `Fetching ${artifact.name}` });
  try {
    await store.download(`${image.manifest.slice(0, image.manifest.lastIndexOf('/') + 1)}${artifact.name}`, path, {
      digest: artifact.digest,
      size: artifact.size,
      signal: ctx.signal,
      onProgress: (done) => ctx.emit({ type: 'step.progress', step: 'fetch', done, total: artifact.size, unit: 'bytes' }),
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    ctx.emit({ type: 'step.failed', step: 'fetch', durationMs: performance.now() - started, message });
    throw error;
  }
  ctx.emit({ type: 'step.finished', step: 'fetch', durationMs: performance.now() - started, reused: false });
  return () => format.open(path, { spoolDir: ctx.workdir });
}
