import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { needs } from '../../test/tools.ts';
import { exec } from '../util/exec.ts';
import { iso9660 } from './iso9660-writer.ts';
import { noCloudSeed } from '../vms/nocloud-seed.ts';
import { parse } from 'yaml';

const files = { 'user-data': `#cloud-config\n${'x'.repeat(5000)}\n`, 'meta-data': 'instance-id: i-1\n', 'network-config': '' };

async function extract(image: Buffer): Promise<{ label: string; files: Record<string, string> }> {
  const folder = await mkdtemp(join(tmpdir(), 'iso-'));
  try {
    const path = join(folder, 'seed.iso');
    await writeFile(path, image);
    const { stdout, stderr } = await exec([
      'xorriso',
      '-indev',
      path,
      '-osirrox',
      'on:auto_chmod_on',
      '-extract',
      '/',
      join(folder, 'out'),
    ]);
    const label = /Volume id {4}: '([^']*)'/.exec(stdout + stderr)?.[1] ?? '';
    const names = await readdir(join(folder, 'out'));
    const found = await Promise.all(
      names.map(async (name) => [name.toLowerCase(), await readFile(join(folder, 'out', name), 'utf8')] as const),
    );
    return { label, files: Object.fromEntries(found) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

describe.skipIf(needs('xorriso'))('an image, read by another program', () => {
  test('has its label, names and contents', async () => {
    expect(await extract(iso9660('cidata', files))).toEqual({ label: 'cidata', files });
  });

  test('is a seed with exactly what cloud-init needs', async () => {
    const seed = await extract(noCloudSeed({ instanceId: 'i-1', hostname: 'clone-a', publicKey: 'ssh-ed25519 AAAA c' }));
    expect(Object.keys(seed.files).toSorted()).toEqual(['meta-data', 'user-data']);
    expect(seed.files['user-data']?.startsWith('#cloud-config\n')).toBe(true);
    expect(parse(seed.files['user-data'] ?? '')).toEqual({ ssh_authorized_keys: ['ssh-ed25519 AAAA c'] });
    expect(parse(seed.files['meta-data'] ?? '')).toEqual({ 'instance-id': 'i-1', 'local-hostname': 'clone-a' });
  });

  test('gives the default user rights only when the image does not', async () => {
    const seed = await extract(noCloudSeed({ instanceId: 'i-1', hostname: 'h', publicKey: 'k', sudoFor: 'admin' }));
    expect(parse(seed.files['user-data'] ?? '')).toMatchObject({
      write_files: [{ permissions: '0440', content: 'admin ALL=(ALL) NOPASSWD:ALL\n' }],
    });
  });
});

test('too many names are refused, not cut off', () => {
  const many = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`a-rather-long-name-${index}`, '']));
  expect(() => iso9660('cidata', many)).toThrow(RangeError);
});
