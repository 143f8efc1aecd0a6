import { type Catalog, channelsAt, type TemplateIndex } from '../../model/catalog.ts';
import { formatSize } from '../../model/size.ts';
import type { Style } from '../style.ts';
import { table } from './words.ts';

/** All images of a store as a table. */
export function catalogText(indexes: readonly TemplateIndex[], url: string, style: Style): string {
  const rows = indexes.flatMap((index) =>
    index.images.map((image) => [
      image.template,
      image.version,
      channelsAt(index, image).join(',') || '-',
      image.os,
      image.artifacts.map(({ format, size }) => `${format} ${formatSize(size)}`).join(', '),
      `${image.checks.pass} passed${image.checks.booted ? ', booted' : ''}`,
    ]),
  );
  if (rows.length === 0) return `There are no images in ${url}\n`;
  const [head = '', ...lines] = table([['TEMPLATE', 'VERSION', 'CHANNELS', 'SYSTEM', 'ARTIFACTS', 'CHECKS'], ...rows]);
  return `${[style.faint(head), ...lines].join('\n')}\n`;
}

/** One image in full. */
export function imageText({ image, manifest, channels }: Awaited<ReturnType<Catalog['show']>>, style: Style): string {
  const { checks } = image;
  const prefix = image.manifest.slice(0, image.manifest.lastIndexOf('/') + 1);
  const rows = [
    ['Digest', image.digest],
    ['Channels', channels.join(', ') || 'none'],
    ['System', `${manifest.os.pretty}, ${manifest.arch}, point release ${manifest.os.pointRelease}`],
    ['Platforms', `${manifest.platforms.join(', ')}; firmware ${manifest.firmware}`],
    ['Disk', `${formatSize(manifest.sizes.virtual)}, of which ${formatSize(manifest.sizes.root)} used`],
    ['Packages', String(manifest.packages.count)],
    [
      'Checks',
      `${checks.pass} passed, ${checks.fail} failed, ${checks.warn} warnings, ${checks.skip} skipped; ${checks.booted ? 'booted' : 'not booted'}`,
    ],
    ['Built', `${manifest.created} by Gabarit ${manifest.build.gabarit}`],
    ['Published', image.published],
    ['Plan', manifest.plan],
    ['Files', prefix],
  ];
  const files = [...manifest.artifacts, ...manifest.evidence].map(({ name, size, digest }) => [
    `    ${name}`,
    formatSize(size),
    digest,
  ]);
  const head =
    style.strong(`${image.template}@${image.version}`) + (manifest.description === '' ? '' : `: ${manifest.description}`);
  return `${[head, ...table(rows.map(([name = '', value = '']) => [`  ${name}`, value])), ...table(files, [1])].join('\n')}\n`;
}
