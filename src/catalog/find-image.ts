import { channelOf, type PublishedImage, type TemplateIndex } from '../model/catalog.ts';
import type { ImageReference } from '../model/image-reference.ts';
import { AppError } from '../util/errors.ts';
import { didYouMean } from '../util/suggest.ts';

/** The image of an index that a reference means. @throws AppError NOT_FOUND, saying what there is */
export function findImage(index: TemplateIndex, reference: ImageReference): PublishedImage {
  const image = lookUp(index, reference);
  if (image) return image;
  const { template, images } = index;
  const wanted =
    reference.by === 'newest' ? '' : `@${reference.by === 'version' ? reference.version : digestOf(index, reference)}`;
  throw new AppError('NOT_FOUND', `There is no ${template}${wanted}; the newest is ${images[0]?.version ?? 'none'}`, {
    hint: `gabarit catalog show ${template} lists what there is.`,
  });
}

function lookUp(index: TemplateIndex, reference: ImageReference): PublishedImage | undefined {
  // Who asks for the newest wants one that may be used.
  if (reference.by === 'newest') return index.images.find(({ revoked }) => !revoked) ?? index.images[0];
  if (reference.by === 'version') return index.images.find(({ version }) => version === reference.version);
  const wanted = digestOf(index, reference);
  return index.images.find(({ digest }) => digest === wanted);
}

function digestOf(index: TemplateIndex, reference: Extract<ImageReference, { by: 'channel' | 'digest' }>): string {
  if (reference.by === 'digest') return reference.digest;
  const channel = channelOf(index, reference.channel);
  if (channel) return channel.digest;
  const names = Object.keys(index.channels).toSorted();
  throw new AppError(
    'NOT_FOUND',
    `${index.template} has no channel ${reference.channel}${didYouMean(reference.channel, names)}`,
    {
      hint: names.length > 0 ? `It has ${names.join(', ')}.` : 'It has none yet: gabarit catalog promote makes one.',
    },
  );
}

/** @throws AppError REVOKED, with the reason */
export function refuseRevoked(image: PublishedImage): void {
  if (!image.revoked) return;
  const { reason, by, at, inherited } = image.revoked;
  const name = `${image.template}@${image.version}`;
  const why = inherited ? ` with ${inherited.template}@${inherited.version}, which it was built on` : '';
  throw new AppError('REVOKED', `${name} was revoked${why}: ${reason}`, {
    hint: `By ${by} on ${at.slice(0, 10)}. Use another version; gabarit catalog show ${image.template} lists them.`,
    details: { revoked: image.revoked },
  });
}
