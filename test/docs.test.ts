import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { afterEach, describe, expect, it, test, vi } from 'vitest';
import { runCli } from '../src/cli/program.ts';
import { commandsOf, documents, type DocBlock, gabaritCalls, runDocuments, shellBlocks } from './doc-blocks.ts';
import { terminalSvg } from './terminal-svg.ts';

const root = join(import.meta.dirname, '..');
const all = documents();
/** The changelog tells of the past; generated pages are made from the code. */
const written = [...all].filter(([file]) => !/^(docs\/reference|templates)\//.test(file) && file !== 'CHANGELOG.md');
const blocks = written.flatMap(([file, text]) => shellBlocks(file, text));

/** Documents in French with the ones that they follow. */
const french = [...all.keys()].flatMap((file): [string, string][] =>
  file === 'README.fr.md' ? [[file, 'README.md']] : file.startsWith('docs/fr/') ? [[file, file.replace('/fr/', '/')]] : [],
);

/** GitHub's names of headings. */
function anchorsOf(text: string): Set<string> {
  const prose = text.replaceAll(/^```[^]*?^```$/gm, '');
  const headings = [...prose.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => title);
  return new Set(
    headings.map((title) =>
      title
        .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(/\s/g, '-'),
    ),
  );
}

/** Links of a document that lead nowhere. */
export function brokenLinks(file: string, text: string): string[] {
  const prose = text.replaceAll(/^```[^]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, '');
  const targets = [...prose.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)].map(
    ([, link, attribute]) => link ?? attribute ?? '',
  );
  return targets.flatMap((target) => {
    if (/^(https?|mailto):/.test(target)) return [];
    const [path = '', anchor] = target.split('#');
    const to = path === '' ? file : normalize(join(dirname(file), path));
    if (to.startsWith('..') || !existsSync(join(root, to))) return [`${file}: ${target}: there is no such file`];
    if (anchor === undefined || statSync(join(root, to)).isDirectory()) return [];
    return anchorsOf(readFileSync(join(root, to), 'utf8')).has(anchor) ? [] : [`${file}: ${target}: there is no such heading`];
  });
}

describe('links', () => {
  it('lead to a file and a heading', () => {
    expect(all.size).toBeGreaterThan(30);
    expect([...all].flatMap(([file, text]) => brokenLinks(file, text))).toEqual([]);
  });

  it('that lead nowhere are found', () => {
    expect(brokenLinks('docs/x.md', '[a](none.md) [b](s3.md#no-such) [e](s3.md#rights) <img src="images/none.svg">')).toEqual([
      'docs/x.md: none.md: there is no such file',
      'docs/x.md: s3.md#no-such: there is no such heading',
      'docs/x.md: images/none.svg: there is no such file',
    ]);
  });

  it('reach every document from README', () => {
    const seen = new Set<string>();
    const visit = (file: string): void => {
      if (seen.has(file) || !all.has(file)) return;
      seen.add(file);
      for (const [, target = ''] of (all.get(file) ?? '').matchAll(/\]\(([^)#\s]+\.md)(?:#[^)]*)?\)/g))
        if (!/^https?:/.test(target)) visit(normalize(join(dirname(file), target)));
    };
    visit('README.md');
    const apart = ['templates/repository/README.md'];
    expect([...all.keys()].filter((file) => !seen.has(file) && !apart.includes(file))).toEqual([]);
  });
});

/** What the command line has against the words of a command; it is parsed, and nothing is done. */
async function usageFault(words: string[]): Promise<string | undefined> {
  // It stands in for --store, as the documents say.
  vi.stubEnv('GABARIT_STORE', 'file:/nowhere');
  let text = '';
  const nothing = { write: () => true };
  const code = await runCli(words, {
    stdout: nothing,
    stderr: { write: (part: string) => (text += part) },
    environment: {},
    createApp: () => Promise.reject(new Error('parsed')),
  });
  return code === 2 ? text : undefined;
}

describe('commands in documents', () => {
  afterEach(() => void vi.unstubAllEnvs());

  it('are commands that there are, with options that there are', async () => {
    const faults: string[] = [];
    let count = 0;
    for (const block of blocks) {
      for (const words of commandsOf(block).flatMap(gabaritCalls)) {
        // The launcher's own.
        if (words[0] === 'test') continue;
        count += 1;
        const fault = await usageFault(words);
        if (fault !== undefined) faults.push(`${block.file}:${block.line}: gabarit ${words.join(' ')}: ${fault}`);
      }
    }
    expect(count).toBeGreaterThan(60);
    expect(faults).toEqual([]);
  });

  it('that are wrong are found', async () => {
    const block: DocBlock = {
      file: 'x.md',
      line: 1,
      text: 'cd x && gabarit biuld a  # comment\nA=1 ./gabarit build "$(gabarit ci foldr b)" \\\n  --forec > out\n',
      notRun: undefined,
    };
    const calls = commandsOf(block).flatMap(gabaritCalls);
    expect(calls).toEqual([
      ['biuld', 'a'],
      ['build', './RESULT', '--forec'],
      ['ci', 'foldr', 'b'],
    ]);
    for (const words of calls) expect(await usageFault(words)).toContain('unknown');
  });

  it('are run by tests, or stand in the list of those that are not, with the reason', async () => {
    const run = new Set(runDocuments.map(([file]) => file));
    // Documents in French have the commands of those that they follow.
    const others = blocks.filter(
      ({ file, notRun }) => notRun !== undefined || !(run.has(file) || french.some(([name]) => name === file)),
    );
    const lines = others.map(({ file, notRun, text }) => `${file}: ${notRun ?? 'NO REASON IS GIVEN'}: ${text.split('\n')[0]}`);
    // Whoever adds one says why in the document, by <!-- not run: REASON --> above it, and lets vitest -u write the list.
    await expect(`${lines.length} blocks of commands are not run:\n${lines.join('\n')}\n`).toMatchFileSnapshot(
      'golden/docs-not-run.txt',
    );
    expect(lines.filter((line) => line.includes('NO REASON'))).toEqual([]);
  });
});

test('the picture of a terminal is made from its transcript (vitest -u draws it)', async () => {
  const transcript = readFileSync(join(root, 'docs/images/terminal.txt'), 'utf8');
  await expect(terminalSvg(transcript, 'gabarit build debian-12 in a terminal')).toMatchFileSnapshot(
    '../docs/images/terminal.svg',
  );
});

test.each(french)('%s has the sections, the tables and the commands of %s', (file, original) => {
  const shape = (name: string): { headings: number; rows: number; commands: string[] } => {
    const text = all.get(name) ?? '';
    return {
      headings: [...text.matchAll(/^## /gm)].length,
      rows: [...text.matchAll(/^\|/gm)].length,
      commands: shellBlocks(name, text)
        .flatMap(commandsOf)
        .map((line) => line.replaceAll(/\s+/g, ' ')),
    };
  };
  expect(shape(file)).toEqual(shape(original));
});

test('every guide stands in the list at the side of the site, and every French one in its own', () => {
  const config = readFileSync(join(root, 'docs-site/.vitepress/config.ts'), 'utf8');
  const listed = [...config.matchAll(/link: '\/((?:fr\/)?docs\/[^']*)'/g)].map(([, link = '']) => `${link}.md`);
  const wanted = [...all.keys()]
    .filter((file) => file.startsWith('docs/') && !file.startsWith('docs/decisions/0'))
    .map((file) => file.replace(/^docs\/fr\//, 'fr/docs/'));
  expect(wanted.filter((file) => !listed.includes(file))).toEqual([]);
});
