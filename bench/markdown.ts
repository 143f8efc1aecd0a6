import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../src/util/files.ts';

/** Replaces what stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->` in a page; the prose around it stays. */
export async function writeSection(path: string, name: string, markdown: string): Promise<void> {
  const page = await readFile(path, 'utf8');
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${path} has no place for the results: ${begin} ... ${end}`);
  await writeFileAtomic(path, `${page.slice(0, from + begin.length)}\n${markdown.trim()}\n${page.slice(to)}`);
}

/** A table of Markdown, its first column to the left and the others to the right; it is also read well in a terminal. */
export function markdownTable(head: string[], rows: string[][]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(3, ...all.map((row) => (row[column] ?? '').length)));
  const line = (cells: string[]): string =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), `| ${rule.join(' | ')} |`, ...rows.map(line)].join('\n');
}
