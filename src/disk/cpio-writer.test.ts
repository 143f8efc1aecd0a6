import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { needs } from '../../test/tools.ts';
import { exec } from '../util/exec.ts';
import { cpioArchive } from './cpio-writer.ts';

describe.skipIf(needs('cpio'))('GNU cpio', () => {
  test('takes out what went in', async () => {
    const files = { 'preseed.cfg': 'd-i a/b string ü\n', empty: '', 'odd-length': 'abc' };
    const folder = await mkdtemp(join(tmpdir(), 'cpio-'));
    try {
      const archive = cpioArchive(files);
      expect(archive.length % 512).toBe(0);
      await exec(['cpio', '--extract', '--quiet'], { cwd: folder, input: archive });
      for (const [name, text] of Object.entries(files)) expect(await readFile(join(folder, name), 'utf8')).toBe(text);
      await writeFile(join(folder, 'archive'), archive);
      const { stdout } = await exec(['cpio', '--list', '--verbose', '--quiet', '--file', 'archive'], { cwd: folder });
      expect(stdout.split('\n').slice(0, 3)).toEqual(Array(3).fill(expect.stringMatching(/^-rw-r--r--\s+1 root\s+root/)));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
