import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createHash, randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { needs } from '../../test/tools.ts';
import { newSigningKey, type SigningKey } from '../model/signing-key.ts';
import { exec } from '../util/exec.ts';
import { minisign } from './minisign.ts';

const now = new Date('2026-11-25T10:00:00Z');
const key = newSigningKey('default', now);

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'minisign-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** The secret key as a file of minisign, without a password. */
function minisignSecretKey({ public: { id, ed25519: point }, ed25519 }: SigningKey): string {
  const seed = ed25519.export({ type: 'pkcs8', format: 'der' }).subarray(-32);
  const number = Buffer.from(id.slice('sha256:'.length), 'hex').subarray(0, 8);
  const pair = Buffer.concat([seed, Buffer.from(point, 'base64')]);
  const check = createHash('blake2b512').update('').digest().subarray(0, 32);
  const bytes = Buffer.concat([Buffer.from('Ed\0\0B2'), Buffer.alloc(32 + 8 + 8), number, pair, check]);
  return `untrusted comment: minisign secret key\n${bytes.toString('base64')}\n`;
}

describe.skipIf(needs('minisign'))('minisign itself', () => {
  test('verifies ours, with the key that we export, and shows the trusted comment', async () => {
    const bytes = randomBytes(100_000);
    await writeFile(join(folder, 'manifest.json'), bytes);
    await writeFile(join(folder, 'manifest.json.minisig'), minisign.sign(key, 'manifest.json', bytes, now));
    await writeFile(join(folder, 'key.pub'), minisign.publicKeyText(key.public));
    const argv = ['minisign', '-V', '-H', '-p', 'key.pub', '-m', 'manifest.json'];
    const { stdout } = await exec(argv, { cwd: folder });
    expect(stdout).toContain('Signature and comment signature verified');
    expect(stdout).toContain(`Trusted comment: timestamp:${now.getTime() / 1000}\tfile:manifest.json\thashed`);

    bytes[50_000] = (bytes[50_000] ?? 0) ^ 1;
    await writeFile(join(folder, 'manifest.json'), bytes);
    await expect(exec(argv, { cwd: folder })).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
  });

  test('makes what we verify', async () => {
    const bytes = randomBytes(1000);
    await writeFile(join(folder, 'manifest.json'), bytes);
    await writeFile(join(folder, 'key.sec'), minisignSecretKey(key));
    await exec(['minisign', '-S', '-W', '-s', 'key.sec', '-m', 'manifest.json', '-t', 'a comment of theirs: ü'], { cwd: folder });
    const signature = await readFile(join(folder, 'manifest.json.minisig'));
    expect(minisign.verify([key.public], bytes, signature)).toEqual(key.public);
    // The comment is signed as well.
    const forged = Buffer.from(signature.toString().replace('of theirs', 'of mine   '));
    expect(() => minisign.verify([key.public], bytes, forged)).toThrow('does not fit');
  });

  test('with a key of its own is a stranger', async () => {
    await writeFile(join(folder, 'manifest.json'), 'x');
    await exec(['minisign', '-G', '-W', '-s', 'key.sec', '-p', 'key.pub'], { cwd: folder });
    await exec(['minisign', '-S', '-s', 'key.sec', '-m', 'manifest.json'], { cwd: folder });
    const signature = await readFile(join(folder, 'manifest.json.minisig'));
    expect(() => minisign.verify([key.public], Buffer.from('x'), signature)).toThrow('none of those trusted');
  });
});
