import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { lintRules, lintWorkflows, pipelineRules, workflowsIn } from '../src/pipeline/ci/lint/lint.ts';
import { actionlintFaults } from './actionlint.ts';

const root = join(import.meta.dirname, 'ci-lint');
const files = (kind: string): string[] =>
  readdirSync(join(root, kind))
    .toSorted()
    .map((name) => join(root, kind, name));

const mark = '<--';

/** `action-not-pinned-2.yml` is about `action-not-pinned`. */
const ruleOf = (file: string): string => basename(file).replace(/(-\d)?\.yml$/, '');

describe.each([
  {
    what: 'workflows',
    bad: files('bad'),
    good: files('good'),
    ids: [...lintRules.map(({ id }) => id), 'cannot-be-read'],
    golden: 'ci-lint',
  },
  {
    what: 'pipelines of GitLab',
    bad: files('gitlab/bad'),
    good: files('gitlab/good'),
    ids: pipelineRules.map(({ id }) => id),
    golden: 'ci-lint-gitlab',
  },
])('$what', ({ bad, good, ids, golden }) => {
  it.each(bad)('dangerous: %s: its own fault is found at its line, and nothing else', async (file) => {
    const line =
      readFileSync(file, 'utf8')
        .split('\n')
        .findIndex((text) => text.includes(mark)) + 1;
    const { annotations } = await lintWorkflows([file]);
    expect(annotations.map((item) => [item.title, item.line])).toEqual([[ruleOf(file), line]]);
  });

  it('are at least 25 of each kind, and every rule has a dangerous one', () => {
    expect([bad.length, good.length].every((count) => count >= 25)).toBe(true);
    expect([...new Set(bad.map(ruleOf))].toSorted()).toEqual(ids.toSorted());
  });

  it('are told of with their place, what is wrong, and what to do', async () => {
    const reports = [];
    for (const file of bad) reports.push(...(await lintWorkflows([file])).annotations);
    const lines = reports.map(
      ({ file = '', line, column, title, message, hint }) =>
        `${relative(root, file)}:${line}:${column}: ${title}: ${message}\n    ${hint}`,
    );
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(`golden/${golden}.txt`);
  });

  it.each(good)('sound: %s: nothing is said of it', async (file) => {
    expect((await lintWorkflows([file])).annotations).toEqual([]);
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

describe('a pipeline of several files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ci-lint-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  };

  it('is read with what it includes, jobs take over what they extend there, and what several take over is found once', async () => {
    write(
      '.gitlab-ci.yml',
      'include:\n  - local: /ci/jobs.yml\n  - local: none.yml\none: { extends: .own }\ntwo: { extends: .own }\n',
    );
    write(
      'ci/jobs.yml',
      '.own:\n  tags: [image-builder]\n  script:\n    - wget -qO- https://example.org/x | sh\n    - gabarit publish a\n',
    );
    const found = await workflowsIn(folder);
    expect(found).toEqual([join(folder, '.gitlab-ci.yml')]);
    const report = await lintWorkflows(found, folder);
    expect(report.files).toEqual(['.gitlab-ci.yml', 'ci/jobs.yml'].map((name) => join(folder, name)));
    expect(report.annotations.map(({ file = '', line, title }) => `${relative(folder, file)}:${line} ${title}`)).toEqual([
      '.gitlab-ci.yml:4 publishing-not-queued',
      '.gitlab-ci.yml:5 publishing-not-queued',
      'ci/jobs.yml:4 pipe-to-shell',
    ]);
  });

  it('that is no YAML, or grows without end, is told of', async () => {
    const bomb = [...Array(9).keys()].map((at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join(', ')}]`);
    write('.gitlab-ci.yml', `a0: &a0 [x, x]\n${bomb.join('\n')}\n`);
    const large = (await lintWorkflows([join(folder, '.gitlab-ci.yml')])).annotations;
    write('.gitlab-ci.yml', 'build: [\n');
    const broken = (await lintWorkflows([join(folder, '.gitlab-ci.yml')])).annotations;
    expect([...large, ...broken].map(({ title }) => title)).toEqual(expect.arrayContaining(['cannot-be-read']));
    expect(large.length > 0 && broken.length > 0).toBe(true);
  });
});

test('docs/reference/ci-lint.md explains every rule by its example (vitest -u writes it)', async () => {
  const sections = (rules: readonly { id: string; hint: string }[], folder: string): string[] =>
    rules.map(({ id, hint }) => {
      const text = readFileSync(join(root, folder, `${id}.yml`), 'utf8').trim();
      return `### ${id}\n\n${hint}\n\n\`\`\`yaml\n${text}\n\`\`\``;
    });
  const head = `# What "gabarit ci lint" finds

Made from the rules and their tests. Each example has one fault, at the line with the arrow. A runner of one's own keeps files between
jobs and reaches the network of the hypervisors: most rules are about it. The rest holds on hosted runners, too.`;
  const pages = [
    head,
    '## In workflows of GitHub, Gitea and Forgejo',
    ...sections(lintRules, 'bad'),
    '## In pipelines of GitLab\n\n`.gitlab-ci.yml` is read together with the files of the repository that it includes.',
    ...sections(pipelineRules, 'gitlab/bad'),
  ];
  await expect(`${pages.join('\n\n')}\n`).toMatchFileSnapshot('../docs/reference/ci-lint.md');
});
