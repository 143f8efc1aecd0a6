import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nullRef, type VmRef } from '../../clients/xapi.ts';
import { AppError } from '../../util/errors.ts';
import { destroyVm } from './destroy.ts';
import { testingName } from './marks.ts';
import type { Pool } from './pool.ts';
import type { OwnVm } from './view.ts';

const lookEveryMs = 1000;

/**
 * Makes a machine of a VM template as people do, boots it, and waits until its agent has reported an address. When it fails,
 * the clean-up of the run removes the machine with all the rest.
 * @throws AppError BOOT_FAILED; `details.files` has a picture of its screen
 */
export async function testClone(pool: Pool, vm: OwnVm): Promise<string> {
  const { xapi, ctx } = pool;
  const { run } = ctx.journal;
  const name = testingName(vm, run);
  await ctx.journal.record({ kind: 'vm', name });
  const ref = await xapi.call('VM.clone', vm.ref, name);
  const clone: OwnVm = { ...vm, ref, name, run };
  await xapi.call('VM.provision', ref);
  if ((await xapi.call('VM.get_record', ref)).is_a_template) await xapi.call('VM.set_is_a_template', ref, false);
  await xapi.call('VM.start', ref, false, false);
  const address = await waitForAgent(pool, ref, vm);
  await destroyVm(pool, clone);
  return address;
}

/** The address that the guest agent reports. */
async function waitForAgent(pool: Pool, ref: VmRef, vm: OwnVm): Promise<string> {
  const { xapi, ctx, settings } = pool;
  const started = performance.now();
  const limitMs = settings.testMinutes * 60_000;
  for (;;) {
    const { power_state: state, guest_metrics: metrics } = await xapi.call('VM.get_record', ref);
    if (state !== 'Running') throw await failure(pool, ref, vm, `a clone of it went off again (${state})`);
    const networks = metrics === nullRef ? {} : (await xapi.call('VM_guest_metrics.get_record', metrics)).networks;
    const address = Object.values(networks).find(isUsable);
    if (address !== undefined) return address;
    const passedMs = performance.now() - started;
    if (passedMs > limitMs) {
      const seconds = Math.round(limitMs / 1000);
      throw await failure(pool, ref, vm, `a clone of it was started, and its agent reported no address within ${seconds} s`);
    }
    ctx.emit({
      type: 'step.progress',
      step: 'test',
      done: Math.round(passedMs / 1000),
      total: Math.round(limitMs / 1000),
      unit: 'seconds',
    });
    await sleep(Math.min(lookEveryMs, limitMs / 10), undefined, { signal: ctx.signal });
  }
}

/** Addresses that a network gave, not those that machines give themselves. */
function isUsable(address: string): boolean {
  return address !== '' && !/^(169\.254\.|fe80:|127\.|::1$)/i.test(address);
}

async function failure(pool: Pool, ref: VmRef, vm: OwnVm, what: string): Promise<AppError> {
  const picture = await keepPicture(pool, ref, vm);
  return new AppError('BOOT_FAILED', `${pool.name}: ${vm.template} ${vm.version} was not deployed: ${what}`, {
    hint: picture === undefined ? 'Its screen could not be photographed.' : `Its screen was kept: ${picture}`,
    details: { files: picture === undefined ? [] : [picture] },
  });
}

/** What cannot be kept must not hide the failure itself. */
async function keepPicture({ xapi, ctx, name }: Pool, ref: VmRef, vm: OwnVm): Promise<string | undefined> {
  try {
    const bytes = await xapi.screenshot(ref, ctx.signal);
    await mkdir(ctx.failureDir, { recursive: true });
    const path = join(ctx.failureDir, `${name}-${vm.template}-${vm.version}-${ctx.journal.run}.jpg`);
    await writeFile(path, bytes);
    return path;
  } catch {
    return undefined;
  }
}
