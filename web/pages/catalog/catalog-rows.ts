import type { ApiImageSummary } from '../../../src/model/api/images.ts';
import type { ApiTemplateSummary } from '../../../src/model/api/templates.ts';
import type { CatalogSearch } from '../../search.ts';

/** A template with what was published of it. */
export interface TemplateRow {
  name: string;
  description: string;
  os: string;
  template: ApiTemplateSummary | undefined;
  newest: ApiImageSummary | undefined;
  /** Images that channels point at, by channel. */
  channels: { channel: string; image: ApiImageSummary /** Newer images that may be used. */; behind: number }[];
  error: string | undefined;
}

function byName<T>(items: T[], name: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(name(item));
    if (group) group.push(item);
    else groups.set(name(item), [item]);
  }
  return groups;
}

/** One row a template, whether it has a definition here, images in the store, or both. `images` are the newest first. */
export function templateRows(templates: ApiTemplateSummary[], images: ApiImageSummary[]): TemplateRow[] {
  const published = byName(images, ({ template }) => template);
  const defined = new Map(templates.map((template) => [template.name, template]));
  return [...new Set([...defined.keys(), ...published.keys()])].toSorted().map((name) => {
    const template = defined.get(name);
    const own = published.get(name) ?? [];
    const usable = own.filter(({ revoked }) => revoked === undefined);
    const channels = own.flatMap((image) =>
      image.channels.map((channel) => ({
        channel,
        image,
        behind: usable.filter(({ published: at }) => at > image.published).length,
      })),
    );
    return {
      name,
      template,
      description: template?.description ?? '',
      os: own[0]?.os ?? template?.os ?? '',
      newest: own[0],
      channels: channels.toSorted((a, b) => a.channel.localeCompare(b.channel)),
      error: template?.error,
    };
  });
}

/** Every word of the search must stand somewhere. */
function matches(words: string[], texts: (string | undefined)[]): boolean {
  const all = texts.join('\n').toLowerCase();
  return words.every((word) => all.includes(word));
}

function wordsOf(text: string | undefined): string[] {
  return (text ?? '').toLowerCase().split(/\s+/).filter(Boolean);
}

function isIn(image: ApiImageSummary | undefined, state: CatalogSearch['state']): boolean {
  if (state === undefined) return true;
  if (!image) return state === 'unbuilt';
  if (state === 'revoked') return image.revoked !== undefined;
  if (state === 'failing') return image.checks.fail > 0;
  return state === 'usable' && image.revoked === undefined && image.checks.fail === 0;
}

export function filterTemplates(rows: TemplateRow[], { q, channel, state }: CatalogSearch): TemplateRow[] {
  const words = wordsOf(q);
  return rows.filter(
    (row) =>
      (channel === undefined || row.channels.some((entry) => entry.channel === channel)) &&
      isIn(row.newest, state) &&
      matches(words, [
        row.name,
        row.description,
        row.os,
        ...row.channels.map(({ image, channel: name }) => `${name} ${image.version}`),
      ]),
  );
}

export function filterImages(images: ApiImageSummary[], { q, channel, state }: CatalogSearch): ApiImageSummary[] {
  const words = wordsOf(q);
  return images.filter(
    (image) =>
      (channel === undefined || image.channels.includes(channel)) &&
      isIn(image, state) &&
      matches(words, [image.template, image.version, image.os, image.digest, image.arch, ...image.channels, ...image.formats]),
  );
}
