import { type Catalog, channelsAt, type PublishedImage, type Revocation, type TemplateIndex } from '../../model/catalog.ts';
import type { Manifest } from '../../model/manifest.ts';
import { formatSize } from '../../model/size.ts';
import { supportFault } from '../../model/support.ts';
import type { Style } from '../style.ts';
import { table } from './words.ts';

/** All images of a store as a table. */
export function catalogText(indexes: readonly TemplateIndex[], url: string, style: Style): string {
  const rows = indexes.flatMap((index) =>
    index.images.map((image) => [
      image.template,
      image.version,
      stateOf(index, image),
      image.os,
      image.artifacts.map(({ format, size }) => `${format} ${formatSize(size)}`).join(', '),
      `${image.checks.pass} passed${image.checks.booted ? ', booted' : ''}`,
    ]),
  );
  if (rows.length === 0) return `There are no images in ${url}\n`;
  const warnings = supportLines(indexes);
  const [head = '', ...lines] = table([['TEMPLATE', 'VERSION', 'CHANNELS', 'SYSTEM', 'ARTIFACTS', 'CHECKS'], ...rows]);
  const text = lines.map((line, at) => (rows[at]?.[2] === 'revoked' ? style.bad(line) : line));
  return `${[style.faint(head), ...text, ...warnings.map((line) => style.warning(line))].join('\n')}\n`;
}

function stateOf(index: TemplateIndex, image: PublishedImage): string {
  if (image.revoked) return 'revoked';
  const proposed = index.proposals.filter(({ digest }) => digest === image.digest).map(({ channel }) => `(${channel})`);
  return [...channelsAt(index, image), ...proposed].join(',') || '-';
}

/** One line for each system whose support has ended, with the templates that channels still offer with it. */
function supportLines(indexes: readonly TemplateIndex[]): string[] {
  const now = new Date();
  const lines = indexes.flatMap((index) => index.images.filter((image) => channelsAt(index, image).length > 0));
  return [...new Set(lines.flatMap((image) => supportFault(image, now) ?? []))];
}

/** One image in full. */
export function imageText({ image, manifest, channels }: Awaited<ReturnType<Catalog['show']>>, style: Style): string {
  const { checks } = image;
  const support = supportFault(image, new Date());
  const prefix = image.manifest.slice(0, image.manifest.lastIndexOf('/') + 1);
  const rows = [
    ['Digest', image.digest],
    ['Channels', channels.join(', ') || 'none'],
    ...(image.revoked ? [['Revoked', revokedLine(image.revoked)]] : []),
    ...(image.basedOn ? [['Built on', `${image.basedOn.template}@${image.basedOn.version}`]] : []),
    ...(support === undefined ? [] : [['Support', support]]),
    ...(image.signatures.length > 0 ? [['Signatures', image.signatures.join(', ')]] : []),
    ['System', `${manifest.os.pretty}, ${manifest.arch}, point release ${manifest.os.pointRelease}`],
    ['Platforms', `${manifest.platforms.join(', ')}; firmware ${manifest.firmware}`],
    ['Disk', `${formatSize(manifest.sizes.virtual)}, of which ${formatSize(manifest.sizes.root)} used`],
    ['Packages', packagesLine(manifest)],
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

function packagesLine({ packages, evidence }: Manifest): string {
  const sbom = evidence.find(({ kind }) => kind === 'sbom');
  return `${packages.count}${sbom ? `, listed in ${sbom.name} (CycloneDX)` : ''}`;
}

function revokedLine({ reason, by, at, inherited }: Revocation): string {
  const base = inherited ? `, with ${inherited.template}@${inherited.version}` : '';
  return `${reason} (by ${by} on ${at.slice(0, 10)}${base})`;
}
