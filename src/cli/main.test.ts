import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeOutputFolder } from '../../test/fakes/output-folder.ts';
import { manifestSchema } from '../model/manifest.ts';
import { digestOf } from '../util/digest.ts';
import { exec } from '../util/exec.ts';
import { Scope } from '../util/scope.ts';

it('an answer that is longer than a pipe holds arrives whole', async () => {
  await using scope = new Scope();
  const parent = await mkdtemp(join(tmpdir(), 'main-'));
  scope.defer(() => rm(parent, { recursive: true }));
  const component = { type: 'library', name: 'x'.repeat(1000), version: '1' };
  const list = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: 'urn:uuid:0',
    metadata: { timestamp: '', tools: { components: [] }, component },
    components: Array.from({ length: 500 }, () => component),
  };
  const text = JSON.stringify(list);
  const folder = await writeOutputFolder(parent, 'web', '20261126.1');
  const path = join(folder, 'manifest.json');
  const manifest = manifestSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  manifest.evidence.push({ name: 'sbom.cdx.json', kind: 'sbom', size: text.length, digest: digestOf(text) });
  await writeFile(path, JSON.stringify(manifest));
  await writeFile(join(folder, 'sbom.cdx.json'), text);
  const main = join(import.meta.dirname, 'main.ts');
  const { stdout } = await exec([
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    '--',
    main,
    'sbom',
    folder,
    '--json',
  ]);
  expect(stdout.length).toBe(text.length + 1);
  expect(JSON.parse(stdout)).toEqual(list);
});
