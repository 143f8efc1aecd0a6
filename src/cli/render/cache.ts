import { formatSize } from '../../model/size.ts';
import type { Style } from '../style.ts';
import { table } from './words.ts';

export interface CachePart {
  kind: string;
  name: string;
  size: number;
  /** Milliseconds since 1970. */
  usedMs: number;
}

/** What the build cache holds: the sums by kind, and in detail every part. */
export function cacheText(parts: readonly CachePart[], folder: string, style: Style, verbose: boolean): string {
  const total = parts.reduce((sum, { size }) => sum + size, 0);
  const end = `${formatSize(total)} in ${folder}\n`;
  if (parts.length === 0) return end;
  if (verbose) {
    const rows = parts.map(({ kind, name, size, usedMs }) => [
      kind,
      formatSize(size),
      new Date(usedMs).toISOString().slice(0, 16).replace('T', ' '),
      name,
    ]);
    const [head = '', ...lines] = table([['KIND', 'SIZE', 'LAST USED (UTC)', 'NAME'], ...rows], [1]);
    return `${[style.faint(head), ...lines].join('\n')}\n${end}`;
  }
  const kinds = [...new Set(parts.map(({ kind }) => kind))].map((kind) => {
    const ofKind = parts.filter((part) => part.kind === kind);
    return [kind, String(ofKind.length), formatSize(ofKind.reduce((sum, { size }) => sum + size, 0))];
  });
  const [head = '', ...lines] = table([['KIND', 'PARTS', 'SIZE'], ...kinds], [1, 2]);
  return `${[style.faint(head), ...lines].join('\n')}\n${end}`;
}
