import { constants } from 'node:fs';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError, errnoOf } from '../util/errors.ts';
import { exec } from '../util/exec.ts';
import { writeJson } from '../util/files.ts';
import type { StepContext } from '../model/step.ts';
import { kvmProbeSector, probePassed } from './kvm-probe-sector.ts';

export interface KvmProof {
  usable: boolean;
  /** Why not; or what was proven. */
  reason: string;
}

const keptSchema = z.object({ bootId: z.string(), qemu: z.string(), usable: z.boolean(), reason: z.string() });

/** A real KVM needs half a second for the probe, a broken one was seen to take eight. */
const limitMs = 4000;
const device = '/dev/kvm';

async function deviceFault(): Promise<string | undefined> {
  try {
    await access(device, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return `there is no ${device}`;
    return `${device} may not be used by this user (${errnoOf(error)}): add the user to the group kvm`;
  }
}

/** Runs the probe with the CPU that machines will get. `cpu` and `accel` are for tests. */
export async function runProbe(workdir: string, signal?: AbortSignal, accel = 'kvm', cpu = 'host'): Promise<KvmProof> {
  const disk = join(workdir, 'kvm-probe.img');
  await writeFile(disk, kvmProbeSector());
  const argv = ['qemu-system-x86_64', '-accel', accel, '-cpu', cpu, '-m', '64', '-nodefaults', '-display', 'none', '-no-reboot'];
  argv.push('-device', 'isa-debug-exit,iobase=0xf4,iosize=4', '-drive', `file=${disk},format=raw,if=ide,readonly=off`);
  const started = performance.now();
  try {
    await exec(argv, { okExitCodes: [probePassed], timeoutMs: limitMs, signal, what: 'The KVM probe' });
    return { usable: true, reason: `proven by a 64-bit guest in ${((performance.now() - started) / 1000).toFixed(1)} s` };
  } catch (error) {
    if (!(error instanceof AppError) || error.code === 'CANCELLED' || error.code === 'TOOL_MISSING') throw error;
    if (error.code === 'TIMEOUT')
      return { usable: false, reason: `${device} is there, but a small 64-bit guest did not finish within ${limitMs / 1000} s` };
    const said = (error.details['lastLines'] as string[] | undefined)?.find((line) => /error|kvm/i.test(line)) ?? error.message;
    return {
      usable: false,
      reason: `${device} is there, but does not run a 64-bit guest (${said.replace(/^qemu-system-x86_64: /, '')})`,
    };
  } finally {
    await rm(disk, { force: true });
  }
}

async function readKept(path: string): Promise<z.output<typeof keptSchema> | undefined> {
  try {
    return keptSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    // Absent, or of another version: the proof is repeated.
    return undefined;
  }
}

/**
 * Whether KVM does its work here, proven by running a guest; the device being there says little. The answer is kept in the
 * cache for this start of the host and this QEMU. @throws AppError TOOL_MISSING without QEMU
 */
export async function proveKvm(ctx: Pick<StepContext, 'cacheDir' | 'workdir' | 'signal'>): Promise<KvmProof> {
  const { stdout } = await exec(['qemu-system-x86_64', '--version'], { signal: ctx.signal });
  const fault = await deviceFault();
  if (fault !== undefined) return { usable: false, reason: fault };
  const qemu = stdout.split('\n')[0] ?? '';
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  const path = join(ctx.cacheDir, 'kvm-proof.json');
  const kept = await readKept(path);
  if (kept?.bootId === bootId && kept.qemu === qemu) return { usable: kept.usable, reason: kept.reason };
  const proof = await runProbe(ctx.workdir, ctx.signal);
  await mkdir(ctx.cacheDir, { recursive: true });
  await writeJson(path, { bootId, qemu, ...proof });
  return proof;
}
