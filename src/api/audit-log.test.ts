import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { registerSecret } from '../util/redact.ts';
import { type NewEntry, openAuditLog, verifyAuditLog } from './audit-log.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'audit-'));
  path = join(folder, 'server/audit.jsonl');
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const entry = (action: string): NewEntry => ({
  who: 'anna',
  by: 'session',
  address: '192.0.2.1',
  action,
  on: { template: 'debian-12' },
  outcome: 'done',
});

async function fill(count: number): Promise<string> {
  const log = await openAuditLog(path);
  await Promise.all(Array.from({ length: count }, (_, n) => log.add(entry(`act-${n + 1}`))));
  await log.close();
  return readFile(path, 'utf8');
}

test('entries are numbered, chained, and read back in pages', async () => {
  await fill(25);
  const log = await openAuditLog(path);
  await log.add(entry('later'));
  expect(await log.verify()).toMatchObject({ ok: true, entries: 26 });
  expect((await log.page({ limit: 3 })).map(({ number, action }) => [number, action])).toEqual([
    [26, 'later'],
    [25, 'act-25'],
    [24, 'act-24'],
  ]);
  expect((await log.page({ limit: 2, before: 3 })).map(({ number }) => number)).toEqual([2, 1]);
  expect((await log.page({ limit: 9, matches: ({ action }) => action === 'act-7' })).map(({ number }) => number)).toEqual([7]);
  await log.close();
});

test('tampering with any line is found, and named by its line', async () => {
  const lines = (await fill(12)).trimEnd().split('\n');
  const verify = async (changed: string[]): Promise<string | undefined> => {
    await writeFile(path, `${changed.join('\n')}\n`);
    return (await verifyAuditLog(path)).fault;
  };
  for (const [index, line] of lines.entries()) {
    const at = index + 1;
    const edited = (text: string): string[] => lines.with(index, text);
    expect(await verify(edited(line.replace('"anna"', '"berta"')))).toBe(`line ${at}: it was changed`);
    expect(await verify(edited(line.replace('"done"', '"refused"')))).toBe(`line ${at}: it was changed`);
    expect(await verify(edited(line.replace('{', '{ ')))).toBe(`line ${at}: it was changed`);
    expect(await verify(edited(line.replace('"on":{', '"extra":1,"on":{')))).toBe(`line ${at}: it is no entry`);
    expect(await verify(edited(`${line.slice(0, -8)}00000"}`))).toBe(
      `line ${at}: it ${/[0-9a-f]{5}"}$/.test(line) ? 'was changed' : 'is no entry'}`,
    );
    expect(await verify(edited('nonsense'))).toBe(`line ${at}: it is no entry`);
    if (at < lines.length) expect(await verify(lines.toSpliced(index, 1))).toContain(`line ${at}:`);
    expect(await verify(lines.toSpliced(index, 0, line))).toContain(`line ${at + 1}:`);
    if (at < lines.length) expect(await verify(lines.toSpliced(index, 2, lines[at] ?? '', line))).toContain(`line ${at}:`);
  }
  expect(await verify(lines)).toBeUndefined();
});

test('what is cut off at the end is found by a head that was kept', async () => {
  const lines = (await fill(5)).trimEnd().split('\n');
  const { head } = await verifyAuditLog(path);
  expect(head).toMatch(/^5:sha256:/);
  await appendMore();
  expect((await verifyAuditLog(path, head)).ok).toBe(true);
  await writeFile(path, `${lines.slice(0, 4).join('\n')}\n`);
  expect((await verifyAuditLog(path)).ok).toBe(true);
  expect(await verifyAuditLog(path, head)).toMatchObject({
    ok: false,
    fault: expect.stringContaining('is not in it any more') as string,
  });
});

async function appendMore(): Promise<void> {
  const log = await openAuditLog(path);
  await log.add(entry('more'));
  await log.close();
}

test('a line that was torn by a crash is cut off and said; a broken chain stops the server', async () => {
  await fill(3);
  await appendFile(path, '{"number":4,"ti');
  const log = await openAuditLog(path);
  expect(await log.page({ limit: 1 })).toMatchObject([{ number: 4, action: 'audit.recovered', on: { bytes: '15' } }]);
  await log.close();
  await writeFile(path, (await readFile(path, 'utf8')).replace('act-2', 'act-9'));
  await expect(openAuditLog(path)).rejects.toMatchObject({ code: 'AUDIT_BROKEN' });
});

test('nothing breaks out of its line, nothing reverses text, and no secret gets in', async () => {
  registerSecret('a-password-that-nobody-may-see');
  const log = await openAuditLog(path);
  const evil = [
    'a\nb',
    'a\r\n{"number":9}',
    '\u001b[2J',
    '\u009b31m',
    '\u202egnp.exe',
    '\u2028x',
    '\u0000',
    '\ufeff',
    'a"},{"x":"',
    'a-password-that-nobody-may-see',
  ];
  for (const text of evil) await log.add({ ...entry('x'), who: text, on: { [text]: text } });
  await log.close();
  const bytes = await readFile(path, 'utf8');
  expect(bytes.trimEnd().split('\n')).toHaveLength(evil.length);
  const codes = Array.from(bytes.replaceAll('\n', '')).map((letter) => letter.codePointAt(0) ?? 0);
  const isUnfit = (code: number): boolean =>
    code < 32 || (code > 126 && code < 160) || (code > 0x200a && code < 0x2070) || code === 0xfeff;
  expect(codes.filter(isUnfit)).toEqual([]);
  expect(bytes).not.toContain('a-password-that');
  expect(await verifyAuditLog(path)).toMatchObject({ ok: true, entries: evil.length });
});
