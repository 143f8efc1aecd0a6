import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { needs } from '../../test/tools.ts';
import { kvmProbeSector } from './kvm-probe-sector.ts';
import { proveKvm, runProbe } from './prove-kvm.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kvm-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('the probe is a boot sector whose jumps and tables are where the code says', () => {
  const sector = kvmProbeSector();
  expect(sector.length).toBe(512);
  expect(sector.readUInt16LE(510)).toBe(0xaa55);
  // lgdt's operand, the far jump's target, and what the former points at.
  expect(sector.readUInt16LE(0x4d)).toBe(0x7c00 + 0x80);
  expect(sector.readUInt16LE(0x50)).toBe(0x7c00 + 0x54);
  expect(sector.readUInt32LE(0x82)).toBe(0x7c00 + 0x70);
});

describe.skipIf(needs('qemu-system-x86_64'))('on a real QEMU', () => {
  test('the probe passes where 64-bit guests run', async () => {
    expect(await runProbe(folder, undefined, 'tcg', 'max')).toMatchObject({ usable: true });
  });

  test('it does not pass on a CPU without long mode', async () => {
    const proof = await runProbe(folder, undefined, 'tcg', 'pentium3');
    expect(proof).toMatchObject({ usable: false });
    expect(proof.reason).toMatch(/did not finish within|does not run/);
  });

  test('an accelerator that does not start is named with what QEMU says', async () => {
    const proof = await runProbe(folder, undefined, 'kvm', 'no-such-cpu');
    expect(proof.usable).toBe(false);
    expect(proof.reason).toMatch(/no-such-cpu|kvm/i);
  });

  test('the answer is kept for this start of the host, and asked anew after another', async () => {
    const ctx = { cacheDir: folder, workdir: folder, signal: new AbortController().signal };
    const first = await proveKvm(ctx);
    expect(first.reason).not.toBe('');
    const path = join(folder, 'kvm-proof.json');
    const kept = await readFile(path, 'utf8').catch(() => undefined);
    // Without the device there is nothing to prove and nothing to keep.
    if (kept === undefined) return;
    await writeFile(path, JSON.stringify({ ...JSON.parse(kept), usable: !first.usable, reason: 'kept' }));
    expect(await proveKvm(ctx)).toEqual({ usable: !first.usable, reason: 'kept' });
    await writeFile(path, JSON.stringify({ ...JSON.parse(kept), bootId: 'another', reason: 'kept' }));
    expect((await proveKvm(ctx)).usable).toBe(first.usable);
    await writeFile(path, '{ broken');
    expect((await proveKvm(ctx)).usable).toBe(first.usable);
  });
});
