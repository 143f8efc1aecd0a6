import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { lintRules, lintWorkflows } from '../src/pipeline/ci/lint/lint.ts';
import { actionlintFaults } from './actionlint.ts';

const root = join(import.meta.dirname, 'ci-lint');
const files = (kind: string): string[] =>
  readdirSync(join(root, kind))
    .toSorted()
    .map((name) => join(root, kind, name));

const mark = '<--';

/** `action-not-pinned-2.yml` is about `action-not-pinned`. */
const ruleOf = (file: string): string => relative(join(root, 'bad'), file).replace(/(-\d)?\.yml$/, '');

describe('dangerous workflows', () => {
  it.each(files('bad'))('%s: its own fault is found at its line, and nothing else', async (file) => {
    const line =
      readFileSync(file, 'utf8')
        .split('\n')
        .findIndex((text) => text.includes(mark)) + 1;
    const { annotations } = await lintWorkflows([file]);
    expect(annotations.map((item) => [item.title, item.line])).toEqual([[ruleOf(file), line]]);
  });

  it('are at least 25, and every rule has one', () => {
    expect(files('bad').length).toBeGreaterThanOrEqual(25);
    expect([...new Set(files('bad').map(ruleOf))].toSorted()).toEqual(
      [...lintRules.map(({ id }) => id), 'cannot-be-read'].toSorted(),
    );
  });

  it('are told of with their place, what is wrong, and what to do', async () => {
    const { annotations } = await lintWorkflows(files('bad'));
    const lines = annotations.map(
      ({ file = '', line, column, title, message, hint }) =>
        `${relative(root, file)}:${line}:${column}: ${title}: ${message}\n    ${hint}`,
    );
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('golden/ci-lint.txt');
  });
});

describe('sound workflows', () => {
  it.each(files('good'))('%s: nothing is said of it', async (file) => {
    expect((await lintWorkflows([file])).annotations).toEqual([]);
  });

  it('are at least 25', () => {
    expect(files('good').length).toBeGreaterThanOrEqual(25);
  });
});

test('actionlint takes the sound ones for real workflows, and the dangerous ones but for what it warns of itself', async () => {
  expect(await actionlintFaults(files('good'))).toEqual([]);
  const ownWarnings = /potentially untrusted|workflow command|action is too old/;
  const others = (await actionlintFaults(files('bad').filter((file) => !file.includes('cannot-be-read')))).filter(
    (text) => !ownWarnings.test(text),
  );
  expect(others).toEqual([]);
});

test('docs/reference/ci-lint.md explains every rule by its example (vitest -u writes it)', async () => {
  const sections = lintRules.map(({ id, hint }) => {
    const text = readFileSync(join(root, 'bad', `${id}.yml`), 'utf8').trim();
    return `## ${id}\n\n${hint}\n\n\`\`\`yaml\n${text}\n\`\`\``;
  });
  const head = `# What "gabarit ci lint" finds

Made from the rules and their tests. Each example has one fault, at the line with the arrow. A runner of one's own keeps files between
jobs and reaches the network of the hypervisors: most rules are about it. The rest holds on hosted runners, too.`;
  await expect(`${[head, ...sections].join('\n\n')}\n`).toMatchFileSnapshot('../docs/reference/ci-lint.md');
});
