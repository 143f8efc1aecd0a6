import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { z } from 'zod';
import { describe, expect, test } from 'vitest';
import { appErrorOf, distro, folderOf, now } from '../../test/definitions/folder.ts';
import type { AppError } from '../util/errors.ts';
import { type LoadedTemplate, loadTemplate } from './load.ts';

const head = 'name: t\ndistro: debian\nrelease: 13\n';

function load(folder: string, name = 't', now_ = now): Promise<LoadedTemplate> {
  return loadTemplate(name, { folders: [folder], distros: [distro], now: now_ });
}

function lines(error: AppError): string[] {
  return error.faults.map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

describe('a good definition', () => {
  test('is filled in with defaults, and knows where it stands', async () => {
    const folder = folderOf({ 't.yaml': `${head}disk: { size: 8GiB }\n` });
    const { template, file, files, warnings, placeOf } = await load(folder);
    expect(template).toMatchObject({
      name: 't',
      release: '13',
      disk: { size: 8 * 2 ** 30, firmware: 'both' },
      formats: ['qcow2'],
    });
    expect(files).toEqual([file]);
    expect(file).toBe(join(folder, 't.yaml'));
    expect(warnings).toEqual([]);
    expect(placeOf(['disk', 'size'])).toEqual({ file, line: 4, column: 15 });
    expect(placeOf(['timezone'])).toEqual({ file, line: 1, column: 1 });
  });

  test('may be given by path', async () => {
    const folder = folderOf({ 't.yaml': head });
    expect((await loadTemplate(join(folder, 't.yaml'), { folders: [], distros: [distro] })).template.name).toBe('t');
  });

  test('is taken from the first folder that has it', async () => {
    const [first, second] = [
      folderOf({ 't.yml': `${head}timezone: Asia/Tokyo\n` }),
      folderOf({ 't.yaml': head, 'u.yaml': head }),
    ];
    const { template } = await loadTemplate('t', { folders: [first, second, '/nonexistent'], distros: [distro] });
    expect(template.timezone).toBe('Asia/Tokyo');
  });

  test('names its own files, by their real paths', async () => {
    const key = Buffer.from([0x99, 0x01, 0x0d]);
    const provisioning = 'provisioning:\n  - script: scripts/a.sh\n  - { file: ..data/f, to: /etc/f }\n';
    const repositories = 'repositories:\n  - { name: v, uri: "https://packages.example/", suite: x, key: k.gpg }\n';
    const files = { 'scripts/a.sh': '#!/bin/sh\n', '..data/f': '', 'k.gpg': key };
    const folder = folderOf({ ...files, 't.yaml': head + provisioning + repositories });
    const { localFile } = await load(folder);
    expect(localFile(['provisioning', 0, 'script'])).toBe(join(folder, 'scripts/a.sh'));
    expect(localFile(['provisioning', 1, 'file'])).toBe(join(folder, '..data/f'));
    expect(localFile(['repositories', 0, 'key'])).toBe(join(folder, 'k.gpg'));
    expect(() => localFile(['provisioning', 2, 'script'])).toThrow('names no file');
  });

  test.each([
    ['11', '3:10: release: all support of Debian 11 "bullseye" ended on 2026-08-31'],
    ['bookworm', '3:10: release: regular support of Debian 12 "bookworm" ended on 2026-06-10'],
  ])('of an old release (%s) is warned about', async (release, warning) => {
    const folder = folderOf({ 't.yaml': head.replace('13', release) });
    const { warnings } = await loadTemplate('t', { folders: [folder], distros: [distro], now, allowEndOfLife: true });
    expect(warnings.map(({ line, column, message }) => `${line}:${column}: ${message}`)).toEqual([warning]);
  });

  test('that nobody repairs any more is refused, with its place, unless one insists', async () => {
    const error = await appErrorOf(load(folderOf({ 't.yaml': head.replace('13', '11') })));
    expect(error.code).toBe('SUPPORT_ENDED');
    expect(lines(error)).toEqual(['3:10: release: all support of Debian 11 "bullseye" ended on 2026-08-31']);
    expect(error.hint).toContain('--allow-end-of-life');
  });

  test('is not refused on the last day of its support', async () => {
    const folder = folderOf({ 't.yaml': head.replace('13', '11') });
    expect((await load(folder, 't', new Date('2026-08-31T23:00:00Z'))).warnings).toHaveLength(1);
    expect((await appErrorOf(load(folder, 't', new Date('2026-09-01T00:00:00Z')))).code).toBe('SUPPORT_ENDED');
  });

  test('with the cloud kernel is warned about the VMware devices that it lacks', async () => {
    const withPlatforms = (platforms: string) => load(folderOf({ 't.yaml': `${head}kernel: cloud\nplatforms: ${platforms}\n` }));
    expect((await withPlatforms('[kvm, vmware]')).warnings[0]?.message).toContain('PVSCSI');
    expect((await withPlatforms('[kvm, xen]')).warnings).toEqual([]);
  });
});

describe('a name that nothing has', () => {
  test('is answered with the near ones', async () => {
    const error = await appErrorOf(load(folderOf({ 'debian-12.yaml': '', 'debian-13.ts': '', 'x.test.ts': '' }), 'debain-12'));
    expect(error.code).toBe('TEMPLATE_NOT_FOUND');
    expect(error.hint).toBe('Did you mean debian-12 or debian-13?');
    expect(error.message).toMatch(/^There is no template "debain-12" in \//);
  });

  test.each(['../t', './gone.yaml', '/dev/null', '/dev/null/t.yaml'])('%s is an AppError', async (path) => {
    const error = await appErrorOf(load(folderOf({ 't.yaml': head }), path));
    expect(['TEMPLATE_NOT_FOUND', 'TEMPLATE_INVALID']).toContain(error.code);
  });

  test('two files of one name are a conflict', async () => {
    const error = await appErrorOf(load(folderOf({ 't.yaml': head, 't.ts': '' })));
    expect(error.code).toBe('CONFLICT');
  });
});

describe('files outside the folder', () => {
  test('are refused also behind a symlink', async () => {
    const outside = folderOf({ 'secret.sh': '#!/bin/sh\n' });
    const folder = folderOf({
      't.yaml': `${head}provisioning:\n  - script: in.sh\n  - script: d/secret.sh\n  - script: ok.sh\n`,
      'a.sh': '#!/bin/sh\n',
    });
    symlinkSync(join(outside, 'secret.sh'), join(folder, 'in.sh'));
    symlinkSync(outside, join(folder, 'd'));
    symlinkSync('a.sh', join(folder, 'ok.sh'));
    expect(lines(await appErrorOf(load(folder)))).toEqual([
      '5:13: provisioning[0].script: in.sh is a symlink that leaves the folder of the definition',
      '6:13: provisioning[1].script: d/secret.sh is a symlink that leaves the folder of the definition',
    ]);
  });

  test('a loop of symlinks does not exist', async () => {
    const folder = folderOf({ 't.yaml': `${head}provisioning:\n  - script: a.sh\n` });
    symlinkSync('a.sh', join(folder, 'a.sh'));
    expect(lines(await appErrorOf(load(folder)))[0]).toContain('a.sh does not exist');
  });
});

test('waivers hold on their last day', async () => {
  const folder = folderOf({
    't.yaml': `${head}hardening:\n  waivers:\n    - { control: x, reason: long enough, owner: me, expires: 2026-11-23 }\n`,
  });
  expect((await load(folder)).template.hardening.waivers).toHaveLength(1);
  const error = await appErrorOf(load(folder, 't', new Date('2026-11-24T00:00:00Z')));
  expect(lines(error)).toEqual(['6:62: hardening.waivers[0].expires: the waiver of x expired on 2026-11-23']);
});

test('options of an engine are checked when the engine is known', async () => {
  const folder = folderOf({ 't.yaml': `${head}engine:\n  options: { unpcak: dpkg }\n` });
  const engine = { id: 'bootstrap', options: z.strictObject({ unpack: z.enum(['tar', 'dpkg']).default('tar') }) };
  const error = await appErrorOf(loadTemplate('t', { folders: [folder], distros: [distro], engines: [engine] }));
  expect(lines(error)).toEqual(['5:14: engine.options: unknown key "unpcak"; did you mean "unpack"?']);
  expect((await load(folder)).template.engine.options).toEqual({ unpcak: 'dpkg' });
});

test('a cancelled load says so', async () => {
  const options = { folders: [folderOf({ 't.yaml': head })], distros: [distro], signal: AbortSignal.abort() };
  expect((await appErrorOf(loadTemplate('t', options))).code).toBe('CANCELLED');
});

describe('any definition', () => {
  const scalar = fc.oneof(
    fc.constantFrom(
      'kvm',
      'ssh',
      '3GiB',
      '12',
      'true',
      '~',
      '[]',
      '{}',
      'a.sh',
      '../x',
      '0644',
      '2020-01-01',
      '"\\u0000"',
      '*a',
      '&a 1',
      '!!set {}',
    ),
    fc.string({ maxLength: 10 }),
    fc.integer().map(String),
  );
  const key = fc.constantFrom(
    'name',
    'extends',
    'abstract',
    'distro',
    'release',
    'platforms',
    'engine',
    'options',
    'disk',
    'size',
    'packages',
    'add',
    'remove',
    'repositories',
    'provisioning',
    'step',
    'with',
    'script',
    'file',
    'to',
    'hardening',
    'waivers',
    'expires',
    '__proto__',
    'toString',
    '<<',
  );
  const { node } = fc.letrec((tie) => ({
    node: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      scalar,
      fc.array(tie('node'), { maxLength: 4 }).map((items) => `[${items.join(', ')}]`),
      fc
        .array(fc.tuple(key, tie('node')), { maxLength: 5 })
        .map((pairs) => `{ ${pairs.map(([name, value]) => `${name}: ${String(value)}`).join(', ')} }`),
    ),
  }));
  const definition = fc
    .array(fc.tuple(key, node), { maxLength: 8 })
    .map((pairs) => pairs.map(([name, value]) => `${name}: ${value}\n`).join(''));

  test('loads or is an AppError, soon', async () => {
    const folder = folderOf({ 'base.yaml': 'name: base\ndistro: debian\nrelease: 13\n', 'a.sh': '#!/bin/sh\n' });
    let invalid = 0;
    await fc.assert(
      fc.asyncProperty(fc.boolean(), definition, async (good, text) => {
        writeFileSync(join(folder, 't.yaml'), good ? `name: t\nextends: base\n${text}` : text);
        const started = performance.now();
        try {
          await load(folder);
        } catch (error) {
          expect(['TEMPLATE_INVALID', 'TEMPLATE_NOT_FOUND']).toContain((error as AppError).code);
          for (const fault of (error as AppError).faults) expect(fault.line).toBeGreaterThan(0);
          invalid += 1;
        }
        expect(performance.now() - started).toBeLessThan(5000);
      }),
      { numRuns: 500, interruptAfterTimeLimit: 45_000, markInterruptAsFailure: true },
    );
    expect(invalid).toBeGreaterThan(100);
  });
});
