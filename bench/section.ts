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
