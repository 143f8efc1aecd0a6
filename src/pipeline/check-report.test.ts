import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { needs } from '../../test/tools.ts';
import type { Verdict } from '../model/check.ts';
import { exec } from '../util/exec.ts';
import { checkReportFiles } from './check-report.ts';

/** What an XML parser that is not ours understands of a JUnit file. */
const script = `
import json, sys
import xml.etree.ElementTree as tree
print(json.dumps([[text.tag, dict(text.attrib), [[case.attrib, [[c.tag, c.attrib.get('message', c.text)] for c in case]] for case in text]]
    for text in map(tree.fromstring, json.load(sys.stdin))]))
`;
type Suite = [string, Record<string, string>, [Record<string, string>, [string, string][]][]];

async function parse(texts: string[]): Promise<Suite[]> {
  return JSON.parse((await exec(['python3', '-I', '-c', script], { input: JSON.stringify(texts) })).stdout) as Suite[];
}
const junitOf = (verdicts: Verdict[]): string => checkReportFiles('debian-12', '20261123.1', verdicts)[1]?.content ?? '';

describe('the check report', () => {
  const verdicts: Verdict[] = [
    { check: 'a', title: 'A', status: 'pass', message: '' },
    { check: 'b', title: 'B', status: 'fail', message: '/etc/x is <wrong> & "bad"', subject: 'uefi', durationMs: 1234 },
    { check: 'c', title: 'C', status: 'warn', message: 'hm' },
    { check: 'd', title: 'D', status: 'skip', message: 'no KVM' },
  ];

  test('as JSON holds the verdicts', () => {
    const [json] = checkReportFiles('debian-12', '20261123.1', verdicts);
    expect(json?.name).toBe('checks.json');
    expect(JSON.parse(json?.content ?? '')).toEqual({
      schema: 'gabarit.checks/1',
      template: 'debian-12',
      version: '20261123.1',
      verdicts,
    });
  });

  test('as JSON holds how long machines took, when there were any', () => {
    const machines = [
      { name: 'clone-a', firmware: 'bios', bootSeconds: 8.1, cloudInitSeconds: 10.4, accelerator: 'kvm' } as const,
    ];
    const [json] = checkReportFiles('debian-12', '20261123.1', verdicts, machines);
    expect(JSON.parse(json?.content ?? '')).toMatchObject({ machines });
  });

  test.skipIf(needs('python3'))('as JUnit counts and tells them', async () => {
    const [suite] = await parse([junitOf(verdicts)]);
    expect(suite?.[1]).toEqual({ name: 'debian-12@20261123.1', tests: '4', failures: '1', errors: '0', skipped: '1' });
    expect(suite?.[2]).toEqual([
      [{ classname: 'a', name: 'A', time: '0.000' }, []],
      [{ classname: 'b', name: 'B (uefi)', time: '1.234' }, [['failure', '/etc/x is <wrong> & "bad"']]],
      [{ classname: 'c', name: 'C', time: '0.000' }, [['system-out', 'hm']]],
      [{ classname: 'd', name: 'D', time: '0.000' }, [['skipped', 'no KVM']]],
    ]);
  });

  test.skipIf(needs('python3'))('as JUnit is well-formed whatever the messages are', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string(),
      fc.constantFrom(']]>', '<!--', '\u001b[31m', '\u0000', '\ud800', 'a\nb\tc'),
    );
    const verdict = fc.record({
      check: text,
      title: text,
      status: fc.constantFrom('pass', 'fail', 'warn', 'skip'),
      message: text,
    }) as fc.Arbitrary<Verdict>;
    const samples = fc.sample(fc.array(verdict, { maxLength: 6 }), 200);
    const suites = await parse(samples.map(junitOf).map((xml) => Buffer.from(xml).toString('utf8')));
    for (const [index, list] of samples.entries()) expect(suites[index]?.[2]).toHaveLength(list.length);
    const [lines] = await parse([junitOf([{ check: 'x', title: 'x', status: 'fail', message: 'line one\nline two' }])]);
    expect(lines?.[2][0]?.[1][0]?.[1]).toBe('line one\nline two');
  });
});
