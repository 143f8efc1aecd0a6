import type { StoreSweep } from '../../catalog/sweep-store.ts';
import { formatSize } from '../../model/size.ts';
import { count, table } from './words.ts';

export function sweepText({ url, uploads, bytes, dryRun }: StoreSweep): string {
  if (uploads.length === 0) return `There are no unfinished uploads to remove in ${url}\n`;
  const rows = uploads.map((upload) => [
    `  ${upload.key}`,
    `begun ${minuteOf(upload.begun)}`,
    `last part ${minuteOf(upload.touched)}`,
    formatSize(upload.bytes),
  ]);
  const sum = `${count(uploads.length, 'unfinished upload')}, ${formatSize(bytes)}`;
  const end = dryRun ? `${sum} would be removed; leave out --dry-run to do it` : `${sum} removed`;
  return `${[...table(rows, [3]), end].join('\n')}\n`;
}

function minuteOf(time: string): string {
  return time.slice(0, 16).replace('T', ' ');
}
