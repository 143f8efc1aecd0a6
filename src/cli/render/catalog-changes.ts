import type { Ancestry, Catalog, Proposal, PruneResult, PublishedImage, RepairReport } from '../../model/catalog.ts';
import { formatSize } from '../../model/size.ts';
import type { Style } from '../style.ts';
import { count, table } from './words.ts';

/** What changed in a catalog, in words. */

export function promotionText(channel: string, image: PublishedImage, pending: Proposal | undefined, store: string): string {
  const { template, version } = image;
  if (!pending) return `${template}@${channel} is ${version} now\n`;
  const missing = pending.needed - pending.approvals.length;
  const people = pending.approvals.map(({ by }) => by).join(', ');
  return `${template}@${version} is proposed for ${channel} by ${people}; ${missing === 1 ? 'one more person' : `${missing} more people`} must approve it:\n  gabarit catalog approve ${template} ${channel} --store ${store}\n`;
}

export function revokedText({ revoked, channels }: Awaited<ReturnType<Catalog['revoke']>>, style: Style): string {
  const lines = revoked.map(({ template, version, revoked: why }) => {
    const base = why?.inherited ? ` (built on ${why.inherited.template}@${why.inherited.version})` : '';
    return `${style.bad('revoked')} ${template}@${version}${base}`;
  });
  const moves = channels.map(({ template, channel, now }) =>
    now === undefined ? `${template}@${channel} points at nothing now` : `${template}@${channel} is ${now} now`,
  );
  return [...lines, ...moves, ''].join('\n');
}

export function ancestryText({ image, ancestors, descendants }: Ancestry, style: Style): string {
  const mark = (revoked: boolean): string => (revoked ? `  ${style.bad('revoked')}` : '');
  const lines = [
    ...ancestors.toReversed().map(({ name, image: found }) => ({
      name: `${name.template}@${name.version}`,
      note: found ? mark(found.revoked !== undefined) : '  not in the catalog any more',
    })),
    { name: `${image.template}@${image.version}`, note: mark(image.revoked !== undefined) },
  ];
  const tree = lines.map(
    ({ name, note }, depth) => `${'  '.repeat(depth)}${depth === lines.length - 1 ? style.strong(name) : name}${note}`,
  );
  const below = descendants.map(
    ({ template, version, revoked }) => `${'  '.repeat(lines.length)}${template}@${version}${mark(revoked !== undefined)}`,
  );
  return `${[...tree, ...below].join('\n')}\n`;
}

export function pruneText({ images, leftovers, freed, applied }: PruneResult): string {
  if (images.length === 0 && leftovers.length === 0) return 'There is nothing to remove\n';
  const rows = images.map(({ template, version, published }) => [
    `  ${template}@${version}`,
    `published ${published.slice(0, 10)}`,
  ]);
  const left = leftovers.length === 0 ? [] : [`  ${count(leftovers.length, 'file')} of publications that broke off`];
  const sum = `${count(images.length, 'image')}, ${formatSize(freed)}`;
  const end = applied ? `${sum} removed` : `${sum} would be removed; add --apply to do it`;
  return `${[...table(rows), ...left, end].join('\n')}\n`;
}

export function repairText(reports: readonly RepairReport[]): string {
  if (reports.length === 0) return 'There is nothing in this store\n';
  return reports
    .map(({ template, findings, images, channels, written }) => {
      if (findings.length === 0) return `${template}: in order (${count(images, 'image')}, ${count(channels, 'channel')})\n`;
      const outcome = written ? 'was written' : 'would be written; add --apply to do it';
      return `${template}:\n${findings.map((finding) => `  ${finding}\n`).join('')}  an index with ${count(images, 'image')} and ${count(channels, 'channel')} ${outcome}\n`;
    })
    .join('');
}
