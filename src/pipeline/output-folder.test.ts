import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeOutputFolder } from '../../test/fakes/output-folder.ts';
import { findImageOf, nextVersion, readManifest, versionsIn } from './output-folder.ts';

let out = '';
let dir = '';
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'out-'));
  dir = join(out, 'debian-12');
});
afterEach(() => rm(out, { recursive: true, force: true }));

const planOf = (digit: string): string => `sha256:${digit.repeat(64)}`;
const make = (version: string, digit: string): Promise<string> =>
  writeOutputFolder(out, 'debian-12', version, (manifest) => ({ ...manifest, plan: planOf(digit) }));

describe('a manifest', () => {
  test('is read from its folder', async () => {
    expect(await readManifest(await make('20261123.1', '1'))).toMatchObject({ version: '20261123.1', plan: planOf('1') });
  });

  test.each([
    ['that is not there', undefined, 'NOT_FOUND', /holds no image/],
    ['that is cut off', '{"schema":', 'IMAGE_INVALID', /manifest\.json is not/],
    ['that is something else', '[]', 'IMAGE_INVALID', /manifest\.json is not/],
    ['of a newer kind', '{"schema":"gabarit.manifest/12"}', 'IMAGE_INVALID', /gabarit\.manifest\/12; this Gabarit knows/],
  ])('%s is refused', async (_, text, code, message) => {
    await mkdir(dir);
    if (text !== undefined) await writeFile(join(dir, 'manifest.json'), text);
    await expect(readManifest(dir)).rejects.toMatchObject({ code, message: expect.stringMatching(message) as unknown });
  });
});

describe('versions', () => {
  test('are counted within a day, by number and not by letter', async () => {
    const now = new Date('2026-11-23T23:59:59Z');
    expect(await nextVersion(dir, now)).toBe('20261123.1');
    for (const version of ['20261123.2', '20261123.10', '20261122.30', '20261123.11.failed', '.20261123.12.part'])
      await mkdir(join(dir, version), { recursive: true });
    expect(await nextVersion(dir, now)).toBe('20261123.11');
    expect(await nextVersion(dir, new Date('2026-11-24T00:00:00Z'))).toBe('20261124.1');
    // What was published from elsewhere counts, too.
    expect(await nextVersion(dir, now, '20261123.30')).toBe('20261123.31');
    expect(await nextVersion(dir, now, '20261123.2')).toBe('20261123.11');
    expect(await nextVersion(dir, now, '20261122.40')).toBe('20261123.11');
    expect(await nextVersion(dir, now, '20261201.4')).toBe('20261201.5');
    expect(await versionsIn(dir)).toEqual(['20261122.30', '20261123.2', '20261123.10']);
    expect(await versionsIn(join(out, 'none'))).toEqual([]);
  });
});

describe('the image of a plan', () => {
  test('is the newest whole one with the formats that are asked for', async () => {
    for (const [version, digit] of [
      ['20261123.2', '1'],
      ['20261123.10', '1'],
      ['20261123.11', '2'],
    ] as const)
      await make(version, digit);
    const find = async (digit: string, formats = ['qcow2']): Promise<string | undefined> =>
      (await findImageOf(dir, planOf(digit), formats))?.version;
    expect(await find('1')).toBe('20261123.10');
    expect(await find('3')).toBeUndefined();
    expect(await find('1', ['qcow2', 'raw'])).toBeUndefined();
    await truncate(join(dir, '20261123.10/disk.qcow2'), 3);
    expect(await find('1')).toBe('20261123.2');
    await rm(join(dir, '20261123.2/disk.qcow2'));
    expect(await find('1')).toBeUndefined();
  });

  test('is looked for past a folder that is damaged', async () => {
    await make('20261123.1', '1');
    await writeFile(join(await make('20261123.2', '1'), 'manifest.json'), 'x');
    expect((await findImageOf(dir, planOf('1'), ['qcow2']))?.version).toBe('20261123.1');
  });
});
