import { copyFile, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { builtOf, type Disk, type TestFolder, testFolder, vmOf, writeDisk } from '../../test/disks.ts';
import { writeOutputFolder } from '../../test/fakes/output-folder.ts';
import * as registry from '../formats/index.ts';
import type { ConversionRequest } from '../model/conversion.ts';
import { digestOf } from '../util/digest.ts';
import { convertFile } from './convert-file.ts';
import { inspectFile } from './inspect-file.ts';
import { readManifest } from './output-folder.ts';

const formats = Object.values(registry);
const ids = formats.map(({ id }) => id);
const MiB = 2 ** 20;
const shape: Disk = {
  size: 12 * MiB,
  pieces: [
    { kind: 'text', offset: 10_000, length: 700_000 },
    { kind: 'noise', offset: 9 * MiB, length: 70_000 },
  ],
};

function request(source: string, to: string, more: Partial<ConversionRequest> = {}): ConversionRequest {
  return { source, to, choices: {}, disk: 0, force: false, machine: {}, ...more };
}

/** The disk in a format, under a name that says nothing. */
async function made(folder: TestFolder, id: string): Promise<string> {
  await writeDisk(folder.file('disk'), shape);
  const path = folder.file(`some.${id}.file`);
  const format = formats.find((each) => each.id === id);
  await format?.write(builtOf(folder.file('disk'), shape.size), path, folder.ctx(), vmOf());
  return path;
}

it.each(ids)('from %s to every format, and back to the same bytes', async (from) => {
  await using folder = await testFolder();
  const source = await made(folder, from);
  const given = await readFile(folder.file('disk'));
  for (const to of ids) {
    const there = await convertFile(request(source, to, { out: folder.file(to) }), formats, folder.ctx());
    expect(there).toMatchObject({ from, format: to, path: folder.file(to), size: (await stat(folder.file(to))).size });
    await convertFile(request(folder.file(to), 'raw', { out: folder.file('back'), force: true }), formats, folder.ctx());
    expect((await readFile(folder.file('back'))).equals(given), to).toBe(true);
  }
  expect((await readdir(folder.path)).filter((name) => name.endsWith('.part'))).toEqual([]);
});

it('names the new file after the old one, and puts it beside it or into a folder', async () => {
  await using folder = await testFolder();
  await using other = await testFolder();
  const source = folder.file('web.qcow2');
  await copyFile(await made(folder, 'raw'), source);
  expect((await convertFile(request(source, 'xva'), formats, folder.ctx())).path).toBe(folder.file('web.xva'));
  expect((await convertFile(request(source, 'vhd-fixed', { folder: other.path }), formats, folder.ctx())).path).toBe(
    other.file('web.fixed.vhd'),
  );
  expect((await convertFile(request(other.file('web.fixed.vhd'), 'vmdk'), formats, folder.ctx())).path).toBe(
    other.file('web.vmdk'),
  );
});

it('believes the content, not the name, unless it is told what it is', async () => {
  await using folder = await testFolder();
  const lying = folder.file('web.vmdk');
  await copyFile(await made(folder, 'qcow2'), lying);
  expect(await convertFile(request(lying, 'raw'), formats, folder.ctx())).toMatchObject({
    from: 'qcow2',
    virtualSize: shape.size,
  });
  const told = await convertFile(request(lying, 'raw', { from: 'raw', out: folder.file('as-it-is') }), formats, folder.ctx());
  expect(told.virtualSize).toBe(Math.ceil((await stat(lying)).size / 512) * 512);
});

it('describes the machine by what it is told', async () => {
  await using folder = await testFolder();
  const machine = { name: 'web', version: '3.1', cpus: 5, secureBoot: true, memory: { recommendedMiB: 777, minimumMiB: 512 } };
  await convertFile(
    request(await made(folder, 'raw'), 'xva', { out: folder.file('x'), machine, choices: { checksum: 'sha1' } }),
    formats,
    folder.ctx(),
  );
  const { facts, checksums } = await inspectFile(folder.file('x'), {}, formats, folder.ctx());
  expect(facts).toMatchObject({ name: 'web', cpus: 5, firmware: 'uefi', 'secure boot': true, memory: '777.0 MiB' });
  expect(checksums?.kind).toBe('SHA-1');
  await convertFile(
    request(folder.file('x'), 'qcow2', { out: folder.file('q'), choices: { compression: 'deflate' } }),
    formats,
    folder.ctx(),
  );
  expect((await inspectFile(folder.file('q'), {}, formats, folder.ctx())).facts).toMatchObject({ compression: 'deflate' });
});

describe('is refused, and leaves all as it was:', () => {
  it('to replace a file, unless that is forced', async () => {
    await using folder = await testFolder();
    const source = await made(folder, 'qcow2');
    await writeFile(folder.file('there'), 'mine');
    const wanted = request(source, 'raw', { out: folder.file('there') });
    await expect(convertFile(wanted, formats, folder.ctx())).rejects.toMatchObject({
      code: 'CONFLICT',
      hint: expect.stringContaining('--force') as string,
    });
    expect(await readFile(folder.file('there'), 'utf8')).toBe('mine');
    await convertFile({ ...wanted, force: true }, formats, folder.ctx());
    expect((await stat(folder.file('there'))).size).toBe(shape.size);
  });

  it('to replace a file that somebody made meanwhile', async () => {
    await using folder = await testFolder();
    const source = await made(folder, 'qcow2');
    const ctx = folder.ctx();
    const emit = (event: { type: string; step?: string }): void => {
      if (event.type === 'step.started' && event.step === 'convert') planted = writeFile(folder.file('there'), 'mine');
    };
    let planted: Promise<void> | undefined;
    const converting = convertFile(request(source, 'vhd', { out: folder.file('there') }), formats, { ...ctx, emit });
    await expect(converting).rejects.toMatchObject({ code: 'CONFLICT' });
    await planted;
    expect(await readFile(folder.file('there'), 'utf8')).toBe('mine');
  });

  it('to write over the file that is read, by whatever name', async () => {
    await using folder = await testFolder();
    const source = await made(folder, 'raw');
    await symlink(source, folder.file('alias'));
    for (const out of [source, folder.file('alias')]) {
      const converting = convertFile(request(source, 'qcow2', { out, force: true }), formats, folder.ctx());
      await expect(converting).rejects.toMatchObject({ code: 'USAGE' });
    }
    expect((await readFile(source)).equals(await readFile(folder.file('disk')))).toBe(true);
  });

  it.each<[string, string | Buffer, RegExp]>([
    ['a web page', '<html><title>Not found</title></html>', /is a web page \("Not found"\)/],
    ['text', 'hello\n', /it is text/],
    ['an error of S3', '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', /it is XML/],
    ['an empty file', '', /it is empty/],
  ])('%s', async (_, content, why) => {
    await using folder = await testFolder();
    await writeFile(folder.file('disk.qcow2'), content);
    for (const work of [
      convertFile(request(folder.file('disk.qcow2'), 'vmdk'), formats, folder.ctx()),
      inspectFile(folder.file('disk.qcow2'), {}, formats, folder.ctx()),
    ])
      await expect(work).rejects.toMatchObject({ code: 'IMAGE_INVALID', message: expect.stringMatching(why) as string });
    expect(await readdir(folder.path)).toEqual(['disk.qcow2']);
  });

  it('what cannot be', async () => {
    await using folder = await testFolder();
    const source = await made(folder, 'raw');
    const fails = async (wanted: Partial<ConversionRequest>, code: string, hint?: string): Promise<void> => {
      const converting = convertFile(request(source, 'xva', wanted), formats, folder.ctx());
      await expect(converting).rejects.toMatchObject({
        code,
        ...(hint === undefined ? {} : { hint: expect.stringContaining(hint) as string }),
      });
    };
    await fails({ to: 'vdi' }, 'USAGE', 'qcow2');
    await fails({ from: 'vdi' }, 'USAGE', 'qcow2');
    await fails({ choices: { checksums: 'sha1' } }, 'USAGE', 'checksum=xxhash|sha1');
    await fails({ choices: { checksum: 'md5' } }, 'USAGE', 'xxhash, sha1');
    await fails({ signer: 'env:KEY' }, 'USAGE', 'An OVA can');
    await fails({ to: 'ova', signer: 'env:KEY' }, 'CONFIG_INVALID', 'Set KEY');
    await fails({ to: 'raw', choices: { a: 'b' } }, 'USAGE', 'It has none');
    await fails({ source: folder.file('absent') }, 'NOT_FOUND');
    await fails({ source: folder.path }, 'IMAGE_INVALID');
    await fails({ out: folder.file('absent/x') }, 'NOT_FOUND');
    await fails({ from: 'qcow2' }, 'IMAGE_INVALID');
  });

  it('when it is cancelled', async () => {
    await using folder = await testFolder();
    const source = await made(folder, 'qcow2');
    const before = await readdir(folder.path);
    const abort = new AbortController();
    const ctx = folder.ctx(abort.signal);
    const emit = (event: { type: string; step?: string }): void => {
      if (event.type === 'step.started' && event.step === 'convert') abort.abort();
    };
    const converting = convertFile(request(source, 'xva', { out: folder.file('there') }), formats, { ...ctx, emit });
    await expect(converting).rejects.toMatchObject({ code: 'CANCELLED' });
    await ctx.scope.close();
    expect((await readdir(folder.path)).filter((name) => name !== 'disk.raw')).toEqual(before);
  });
});

it('reads the list of components beside an image that was built, and tells when it is of another one', async () => {
  await using folder = await testFolder();
  const built = await writeOutputFolder(folder.file('out'), 'web', '20261126.1');
  await copyFile(await made(folder, 'qcow2'), join(built, 'disk.qcow2'));
  const component = (more: object): object => ({ type: 'library', name: 'x', version: '1', ...more });
  const hashes = [{ alg: 'SHA-256', content: 'a'.repeat(64) }];
  const list = JSON.stringify({
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: 'urn:uuid:0',
    metadata: { timestamp: '', tools: { components: [] }, component: component({}) },
    components: [
      component({ type: 'operating-system' }),
      component({ hashes }),
      component({ hashes, licenses: [{ license: { id: 'MIT' } }] }),
    ],
  });
  await writeFile(join(built, 'sbom.cdx.json'), list);
  const inspect = async (): Promise<unknown> => (await inspectFile(built, {}, formats, folder.ctx())).components;
  const told = { format: 'CycloneDX 1.6', packages: 2, withDigest: 2, withLicence: 1 };
  expect(await inspect()).toMatchObject({ ...told, ofThisImage: false });
  const manifest = await readManifest(built);
  const [artifact] = manifest.artifacts;
  if (!artifact) throw new TypeError('no artifact');
  artifact.size = (await stat(join(built, 'disk.qcow2'))).size;
  manifest.evidence.push({ name: 'sbom.cdx.json', kind: 'sbom', size: list.length, digest: digestOf(list) });
  await writeFile(join(built, 'manifest.json'), JSON.stringify(manifest));
  expect(await inspect()).toMatchObject({ ...told, ofThisImage: true });
  await writeFile(join(built, 'sbom.cdx.json'), 'no JSON');
  expect(await inspect()).toBeUndefined();
});
