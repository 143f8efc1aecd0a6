import { AppError } from '../util/errors.ts';

/** Names an image: `debian-12@stable`, `debian-12@20261123.1`, `debian-12@sha256:…`; without `@…`, the newest version. */
export type ImageReference = { template: string } & (
  | { by: 'newest' }
  | { by: 'version'; version: string }
  | { by: 'channel'; channel: string }
  | { by: 'digest'; digest: string }
);

/** @throws AppError USAGE */
export function parseImageReference(text: string): ImageReference {
  const match = /^([a-z0-9][a-z0-9._-]{0,62})(?:@(.+))?$/.exec(text);
  const template = match?.[1];
  if (template === undefined) {
    throw new AppError('USAGE', `"${text}" is not an image reference`, {
      hint: 'Write for example debian-12@stable, debian-12@20261123.1 or debian-12@sha256:…',
    });
  }
  const selector = match?.[2];
  if (selector === undefined) return { template, by: 'newest' };
  if (/^\d{8}\.\d+$/.test(selector)) return { template, by: 'version', version: selector };
  if (/^sha256:[0-9a-f]{64}$/.test(selector)) return { template, by: 'digest', digest: selector };
  if (/^[a-z][a-z0-9-]{0,31}$/.test(selector)) return { template, by: 'channel', channel: selector };
  throw new AppError('USAGE', `"${selector}" is neither a version, a channel nor a digest`, {
    hint: 'Versions look like 20261123.1, channels like stable, digests like sha256:….',
  });
}
