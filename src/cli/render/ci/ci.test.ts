import { expect, it, describe } from 'vitest';
import type { Annotation, TemplateChange } from '../../../model/ci.ts';
import type { OutputReport } from '../../../pipeline/ci/read-outputs.ts';
import { AppError } from '../../../util/errors.ts';
import { styleFor } from '../../style.ts';
import { annotationsText } from './annotations.ts';
import { diffMarkdown } from './diff.ts';
import { cell, codeBlock } from './markdown.ts';
import { gitlabPipeline, matrixOf, outputLines } from './matrix.ts';
import { summaryMarkdown } from './summary.ts';

const style = styleFor(false);

const changes: TemplateChange[] = [
  {
    template: 'web',
    file: '/r/templates/web.yaml',
    state: 'changed',
    build: true,
    reasons: ['its definition changed'],
    formats: ['qcow2', 'vhd'],
    diff: {
      packages: { added: { 'nginx:amd64': '1.2' }, removed: {}, changed: { 'bash:amd64': { from: '1', to: '2' } } },
      provisioning: { added: {}, removed: { 'script a.sh': `sha256:${'a'.repeat(64)}` }, changed: {} },
      settings: { added: {}, removed: {}, changed: { description: { from: 'x\n```\n<script>', to: '| y' } } },
    },
  },
  { template: 'mail', file: '/r/templates/mail.yaml', state: 'unchanged', build: false, reasons: [], formats: ['qcow2'] },
  {
    template: 'odd',
    file: '/r/templates/odd.yaml',
    state: 'failed',
    build: false,
    reasons: ['A package does not exist'],
    formats: [],
    error: new AppError('PACKAGE_NOT_FOUND', 'A package does not exist', {
      faults: [{ message: 'no "x"', file: 'odd.yaml', line: 3, column: 1 }],
    }),
  },
];

describe('annotations', () => {
  const fault: Annotation = {
    level: 'error',
    title: 'TEMPLATE_INVALID',
    message: '100% wrong: a,b\nand more',
    file: '/r/templates/we,b.yaml',
    line: 3,
    column: 1,
    hint: 'Mend it.',
  };

  it('are workflow commands, in which nothing can forge another one', () => {
    expect(annotationsText([fault], 'github', style, '/r')).toBe(
      '::error file=templates/we%2Cb.yaml,line=3,col=1,title=TEMPLATE_INVALID::100%25 wrong: a,b%0Aand more%0AMend it.\n',
    );
    const evil = { ...fault, file: '/r/x.yaml', title: 'a,file=b', message: 'x\r\n::set-output name=a::b' };
    expect(annotationsText([evil], 'gitea', style, '/r').match(/\n/g)).toHaveLength(1);
    expect(annotationsText([evil], 'gitea', style, '/r')).toContain('title=a%2Cfile=b::');
  });

  it('are a Code Quality report for GitLab, in which a finding stays the same when lines move', () => {
    const read = (item: Annotation): { fingerprint: string; severity: string; location: unknown }[] =>
      JSON.parse(annotationsText([item], 'gitlab', style, '/r')) as {
        fingerprint: string;
        severity: string;
        location: unknown;
      }[];
    expect(read(fault)[0]).toMatchObject({
      severity: 'major',
      check_name: 'TEMPLATE_INVALID',
      location: { path: 'templates/we,b.yaml', lines: { begin: 3 } },
    });
    expect(read({ ...fault, line: 9 })[0]?.fingerprint).toBe(read(fault)[0]?.fingerprint);
    expect(read({ ...fault, message: 'other' })[0]?.fingerprint).not.toBe(read(fault)[0]?.fingerprint);
    expect(annotationsText([], 'gitlab', style, '/r')).toBe('[]\n');
  });

  it('are lines for people', () => {
    expect(annotationsText([fault], 'local', style, '/r')).toBe(
      'templates/we,b.yaml:3:1: error: 100% wrong: a,b\n  and more\n  Mend it.\n',
    );
  });
});

describe('the matrix', () => {
  it('holds what must be built, on one line', () => {
    expect(matrixOf(changes)).toEqual({
      include: [{ template: 'web', formats: 'qcow2,vhd', published: '', reason: 'its definition changed' }],
    });
    const forged = [{ ...changes[0], reasons: ['a\ncount=9'] } as TemplateChange];
    expect(outputLines(forged).split('\n')).toHaveLength(3);
    expect(outputLines([])).toBe('matrix={"include":[]}\ncount=0\n');
  });

  it('is a child pipeline for GitLab, which is never empty', () => {
    expect(gitlabPipeline(changes, '.gitlab/gabarit-build.yml')).toBe(
      'include:\n  - local: .gitlab/gabarit-build.yml\nbuild web:\n  extends: .gabarit-build\n  variables:\n    GABARIT_TEMPLATE: web\n    GABARIT_FORMATS: qcow2,vhd\n    GABARIT_PUBLISHED: ""\n',
    );
    expect(gitlabPipeline([], 'x.yml')).toContain('nothing to build:\n  script:\n');
  });
});

describe('the difference', () => {
  it('is told in Markdown, from which no value breaks out', () => {
    const text = diffMarkdown(changes);
    expect(text).toContain('| web | changed | its definition changed |');
    expect(text).toContain('1 more stay as they are.');
    expect(text).toContain('+ nginx:amd64 1.2');
    expect(text).toContain('- bash:amd64 1\n+ bash:amd64 2');
    expect(text).toContain('odd.yaml:3:1:no "x"');
    // The block that holds three ticks is closed by four, and the tag stands within it.
    expect(text).toMatch(/````diff\n[^]*description: x ``` <script>[^]*\n````/);
  });

  it('says so when there is none, and is cut when there is too much', () => {
    expect(diffMarkdown([])).toContain('makes no difference');
    const added = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`p${at}`, '1']));
    const [web] = changes;
    const none = { added: {}, removed: {}, changed: {} };
    const long = diffMarkdown([
      { ...(web as TemplateChange), diff: { packages: { ...none, added }, provisioning: none, settings: none } },
    ]);
    expect(long).toContain('# and 351 more lines');
    expect(long.length).toBeLessThan(60_000);
  });

  it('escapes', () => {
    expect(cell('a|b\n<c> `d`')).toBe('a\\|b \\<c\\> \\`d\\`');
    expect(codeBlock(['`````'], '')).toBe('``````\n`````\n``````');
  });
});

describe('the summary', () => {
  const report = (fail: number): OutputReport =>
    ({
      folder: '/out/web/20261125.1',
      failed: fail > 0,
      manifest: {
        template: 'web',
        version: '20261125.1',
        artifacts: [{ name: 'disk.qcow2', size: 3 * 2 ** 20 }],
        packages: { count: 247 },
        checks: { pass: 80, fail, warn: 1, skip: 0, booted: true },
        build: { seconds: { a: 20, b: 12.4 } },
      },
      verdicts: [
        { check: 'ports', title: 'Ports', status: fail > 0 ? 'fail' : 'pass', message: 'port 25 | listens', subject: 'bios' },
        { check: 'size', title: 'Size', status: 'warn', message: 'nearly full' },
      ],
    }) as unknown as OutputReport;

  it('is a table with the verdicts, and each failure in full', () => {
    expect(summaryMarkdown([report(0)])).toContain(
      '| :white_check_mark: | **web** 20261125.1 | 80 passed, 1 warnings, booted | disk.qcow2 3.00 MiB | 247 | 32 s |',
    );
    expect(summaryMarkdown([report(0)])).not.toContain('is not fit');
    const failed = summaryMarkdown([report(1)]);
    expect(failed).toContain('### web is not fit: 20261125.1');
    expect(failed).toContain('| fail | ports (bios) | port 25 \\| listens |');
    expect(failed).toContain('| warn | size | nearly full |');
    expect(summaryMarkdown([])).toContain('Nothing was built');
  });
});
