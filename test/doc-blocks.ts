import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** Documents whose commands test/e2e/docs.slow.test.ts runs, with the folder in which they begin: a clone, or beside it. */
export const runDocuments: readonly (readonly [file: string, folder: 'clone' | 'beside'])[] = [
  ['README.md', 'clone'],
  ['docs/first-template.md', 'beside'],
  ['docs/local-runs.md', 'clone'],
  ['docs/ci.md', 'beside'],
];

/** A block of commands in a document. */
export interface DocBlock {
  file: string;
  /** Of its first command. */
  line: number;
  text: string;
  /** Why no test runs it: `<!-- not run: REASON -->` above it. */
  notRun: string | undefined;
}

/** Every document, by its path from the root of the repository. */
export function documents(): Map<string, string> {
  const within = (folder: string): string[] =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
      .map((name) => join(folder, name));
  const top = readdirSync(root).filter((name) => name.endsWith('.md'));
  return new Map(
    [...top, ...within('docs'), 'templates/repository/README.md']
      .toSorted()
      .map((file) => [file, readFileSync(join(root, file), 'utf8')]),
  );
}

/** The blocks of shell commands of a document, in their order. */
export function shellBlocks(file: string, text: string): DocBlock[] {
  return [...text.matchAll(/(?:^<!-- not run: ([^\n]*?) -->\n)?^```sh\n([^]*?)^```$/gm)].map((match) => ({
    file,
    line: text.slice(0, match.index).split('\n').length + (match[1] === undefined ? 1 : 2),
    text: match[2] ?? '',
    notRun: match[1],
  }));
}

/** Its commands, one a line: lines that go on are joined, comments left out. */
export function commandsOf({ text }: DocBlock): string[] {
  return text
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter(Boolean);
}

/** The words of each call of gabarit in a line of shell, as the shell would split them; what is only known when it runs stands as a word. */
export function gabaritCalls(line: string): string[][] {
  const inner = [...line.matchAll(/\$\(([^()]*)\)/g)].map(([, text = '']) => text);
  const flat = line.replaceAll(/\$\([^()]*\)/g, './RESULT');
  const parts = [flat, ...inner].flatMap((text) => text.split(/&&|\|\||[;|]/));
  return parts.flatMap((part) => {
    const words = [...part.replace(/\s[<>]+\s*\S+/g, '').matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
      ([, a, b, c]) => a ?? b ?? c ?? '',
    );
    const at = words.findIndex((word) => /^(\.\/)?gabarit$/.test(word));
    return at === -1 || (at > 0 && !words.slice(0, at).every((word) => word.includes('='))) ? [] : [words.slice(at + 1)];
  });
}
