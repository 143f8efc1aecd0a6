import type { PublishedImage } from './catalog.ts';

/** How the support of an image's operating system stands on a day: `yes`, only `lts`, or `none`; undefined when nobody wrote it down. */
export function supportOf({ endOfLife }: PublishedImage, now: Date): 'yes' | 'lts' | 'none' | undefined {
  if (!endOfLife) return undefined;
  const today = now.toISOString().slice(0, 10);
  if (today > endOfLife.lts) return 'none';
  return today > endOfLife.full ? 'lts' : 'yes';
}

/** What a person should know about it, as a sentence. */
export function supportFault(image: PublishedImage, now: Date): string | undefined {
  const name = `${image.template}@${image.version}`;
  const support = supportOf(image, now);
  if (support === 'none') return `${name}: all support of ${image.os} ended on ${image.endOfLife?.lts ?? ''}`;
  if (support !== 'lts') return undefined;
  return `${name}: regular support of ${image.os} ended on ${image.endOfLife?.full ?? ''}; long-term support lasts until ${image.endOfLife?.lts ?? ''}`;
}
