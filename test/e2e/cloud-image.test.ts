import { appendFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApp } from '../../src/app.ts';
import type { AppError } from '../../src/util/errors.ts';
import { exec } from '../../src/util/exec.ts';
import { startVendor, type Vendor } from '../signed-medium.ts';
import { needs } from '../tools.ts';

/** Cloud images that must not be used: before any machine is started, with a clear error, and nothing left. */
describe.skipIf(needs('gpg', 'gpgv', 'qemu-img'))('from a cloud image that is not the right one', () => {
  let folder: string;
  let vendor: Vendor;
  let stranger: Vendor;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloud-bad-'));
    for (const name of ['vendor', 'stranger']) await mkdir(join(folder, name));
    [vendor, stranger] = [await startVendor(join(folder, 'vendor')), await startVendor(join(folder, 'stranger'))];
    for (const name of ['good.qcow2', 'changed.qcow2']) {
      await exec(['qemu-img', 'create', '-q', '-f', 'qcow2', join(folder, name), '1G']);
      await vendor.publish(name, join(folder, name));
    }
    // After it was signed.
    await appendFile(join(folder, 'changed.qcow2'), 'changed');
  });
  afterAll(async () => {
    await vendor.close();
    await stranger.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function errorOf(source: Record<string, string>): Promise<AppError | undefined> {
    const text = `name: from-cloud\ndistro: debian\nrelease: bookworm\nplatforms: [kvm]\nengine:\n  name: cloud-image\n  options: ${JSON.stringify({ source })}\n`;
    const file = join(folder, 'from-cloud.yaml');
    await writeFile(file, text);
    const cacheDir = join(folder, 'cache');
    const app = await createApp({ cacheDir });
    const request = { force: false, jobs: 1, checkReproducible: false, verify: false, offline: false };
    const outputDir = join(folder, 'out');
    const [result] = await app
      .build({ ...request, templates: [file], outputDir }, new AbortController().signal)
      .catch((error: unknown) => [{ error: error as AppError }]);
    for (const path of ['runs', 'layers/disk'])
      expect(
        (await readdir(join(cacheDir, path)).catch(() => [])).filter((name) => !name.endsWith('.lock')),
        path,
      ).toEqual([]);
    expect((await readdir(join(cacheDir, 'media')).catch(() => [])).filter((name) => !/^seen-|\.lock$/.test(name))).toEqual([]);
    const output = await readdir(join(outputDir, 'from-cloud'), { recursive: true }).catch(() => [] as string[]);
    expect(output.filter((name) => name !== '.lock')).toEqual([]);
    return result?.error;
  }

  const signed = (name: string, keyring = vendor.keyring): Record<string, string> => ({
    url: `${vendor.url}/${name}`,
    digests: `${vendor.url}/SHA256SUMS`,
    signature: `${vendor.url}/SHA256SUMS.gpg`,
    keyring,
  });

  test('the wrong digest', async () => {
    const error = await errorOf(signed('changed.qcow2'));
    expect(error).toMatchObject({ code: 'DIGEST_MISMATCH', hint: expect.stringContaining('Nothing of it was used') as string });
    expect(error?.message).toMatch(/changed\.qcow2 has the digest sha256:[0-9a-f]{64} instead of sha256:[0-9a-f]{64}/);
    const own = await errorOf({ url: `${vendor.url}/good.qcow2`, digest: `sha256:${'0'.repeat(64)}` });
    expect(own).toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  test("the wrong signature: a stranger's key, or none", async () => {
    const error = await errorOf(signed('good.qcow2', stranger.keyring));
    expect(error).toMatchObject({ code: 'SIGNATURE_INVALID' });
    expect(error?.message).toMatch(/SHA256SUMS is not proven: it is signed by [0-9A-F]{16}, which is not in .*stranger/);
    const { signature: _, ...unsigned } = signed('good.qcow2');
    expect(await errorOf(unsigned)).toMatchObject({
      code: 'SIGNATURE_INVALID',
      message: expect.stringContaining('it has no good signature') as string,
    });
  });
});
