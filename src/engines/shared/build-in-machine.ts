import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { shellQuote } from '../../clients/ssh.ts';
import type { Distro, Release } from '../../model/distro.ts';
import type { BuildLogin, BuildMachine } from '../../model/machine.ts';
import type { Plan } from '../../model/plan.ts';
import type { StepContext } from '../../model/step.ts';
import { AppError } from '../../util/errors.ts';
import { packageScript, wantedPackages } from './install-packages.ts';
import { ownRepositories } from './own-repositories.ts';
import { bootEnvironment } from './step-environment.ts';
import { provisionOverSsh, sealAndPowerOff } from './provision-over-ssh.ts';

/** What is done in a system that runs, whoever installed it: packages, provisioning, seal, off. Its disk is an image afterwards. */

const limits = { packagesMs: 60 * 60_000, offMs: 5 * 60_000, goneMs: 1000 };

export interface BuildInMachine {
  plan: Plan;
  distro: Distro;
  release: Release;
  machine: BuildMachine;
  /** The private key whose public half root has there. */
  identity: string;
}

/** @throws AppError BOOT_FAILED, PACKAGE_NOT_FOUND, SCRIPT_FAILED, BUILD_FAILED, TIMEOUT, CANCELLED */
export async function buildInMachine(request: BuildInMachine, ctx: StepContext): Promise<void> {
  try {
    await provisionAndSeal(request, ctx);
  } catch (error) {
    const gone = ctx.signal.aborted ? undefined : await whyGone(request.machine);
    if (gone === undefined || (error instanceof AppError && error.code === 'BOOT_FAILED')) throw error;
    // Whatever was being done failed because of that.
    throw new AppError('BUILD_FAILED', `The machine ended in the middle of the build: ${gone}`, {
      cause: error,
      details: { files: await request.machine.keepEvidence() },
      hint: 'Did a script switch it off, or was it ended from outside (out of memory)? Its console is kept; build again, nothing of it is used.',
    });
  }
}

/** A connection may be lost a moment before the machine is known to be gone. */
async function whyGone(machine: BuildMachine): Promise<string | undefined> {
  const end = performance.now() + limits.goneMs;
  while (machine.ended() === undefined && performance.now() < end) await sleep(100);
  return machine.ended();
}

async function provisionAndSeal(request: BuildInMachine, ctx: StepContext): Promise<void> {
  const { plan, machine, identity, release } = request;
  const ssh = await machine.login(identity);
  // Its outcome is not ours to judge here; but it must have ended, or it would write behind our back.
  await ssh.run('! command -v cloud-init >/dev/null || cloud-init status --wait >/dev/null', {
    timeoutMs: 10 * 60_000,
    signal: ctx.signal,
  });
  await addRepositories(plan, ssh, ctx);
  await installPackages(request, ssh, ctx);
  await provisionOverSsh(plan, ssh, { ...ctx, variables: bootEnvironment(plan, release) });
  await sealAndPowerOff(ssh, ctx);
  await machine.poweredOff(limits.offMs);
}

/** The template's own repositories, and their keys. */
async function addRepositories(plan: Plan, ssh: BuildLogin, ctx: StepContext): Promise<void> {
  for (const { name, key, sources } of ownRepositories(plan)) {
    const put = `install -D -m 0644 /dev/stdin ${shellQuote(key.to)}`;
    const { exitCode, stderr } = await ssh.run(`${put} && printf %s ${shellQuote(sources.text)} >${shellQuote(sources.to)}`, {
      input: await readFile(key.from),
      signal: ctx.signal,
    });
    if (exitCode !== 0) throw new AppError('BUILD_FAILED', `The repository ${name} could not be added: ${stderr.trim()}`);
  }
}

async function installPackages({ plan, distro, release }: BuildInMachine, ssh: BuildLogin, ctx: StepContext): Promise<void> {
  const script = packageScript(distro.family, wantedPackages(release, plan.template), plan.template.packages.remove);
  const said: string[] = [];
  const { exitCode } = await ssh.run('sh -s', {
    input: script,
    timeoutMs: limits.packagesMs,
    signal: ctx.signal,
    onLine: (line) => {
      said.push(line);
      ctx.emit({ type: 'log', level: 'info', message: line, source: 'packages' });
    },
  });
  if (exitCode === 0) return;
  throw new AppError('PACKAGE_NOT_FOUND', `The packages could not be installed (exit code ${exitCode}): ${said.at(-1) ?? ''}`, {
    details: { lastLines: said.slice(-20) },
    hint: 'Check the names of the packages, and whether the machine reaches its package sources through this host.',
  });
}
