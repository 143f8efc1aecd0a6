import { resolve } from 'node:path';
import type { AnyCheck, ClonesCheck, Guest, GuestCheck, UnseededCheck, Verdict } from '../../model/check.ts';
import type { Acceleration, BootedMachine, Machine, MachineHost } from '../../model/machine.ts';
import type { Plan } from '../../model/plan.ts';
import type { StepContext } from '../../model/step.ts';
import { machineSizes, type PlannedMachine, planMachines } from './boot-machines.ts';
import { collectFindings, type Findings, findingOfError } from './run-checks.ts';

export interface BootRequest {
  /** The path of the image; it is only read. */
  artifact: string;
  format: 'qcow2' | 'raw';
  plan: Plan;
  /** Where a failed boot leaves `serial-<machine>.log` and `screenshot-<machine>.png`. */
  failureDir: string;
  /** What `host.prove` said. */
  proof: Acceleration;
  host: MachineHost;
  /** Those on guests, clones and machines without a seed are run. */
  checks: AnyCheck[];
}

export interface BootReport {
  verdicts: Verdict[];
  machines: BootedMachine[];
}

/** What the root file system gets to grow into. */
const growthBytes = 2 * 2 ** 30;
const boots = { id: 'boot', title: 'Boots' };

interface Boot extends BootRequest {
  ctx: StepContext;
  findings: Findings;
  machines: BootedMachine[];
  start(planned: PlannedMachine): Promise<Machine>;
  progress(note: string): void;
}

function secondsSince(started: number): number {
  return Math.round((performance.now() - started) / 100) / 10;
}

/** Boots one machine and waits for `work` on it; a failure becomes a verdict, and undefined. */
async function bootMachine<T>(
  boot: Boot,
  planned: PlannedMachine,
  wait: (machine: Machine) => Promise<T>,
): Promise<{ machine: Machine; guest: T; facts: BootedMachine } | undefined> {
  const { name, firmware } = planned;
  const started = performance.now();
  boot.progress(`${name} (${firmware}) starts`);
  let machine: Machine | undefined;
  try {
    machine = await boot.start(planned);
    const guest = await wait(machine);
    const facts: BootedMachine = { name, firmware, bootSeconds: secondsSince(started), accelerator: boot.proof.accelerator };
    boot.machines.push(facts);
    boot.findings.record([
      {
        check: boots.id,
        title: boots.title,
        subject: name,
        status: 'pass',
        message: `${firmware}, up after ${facts.bootSeconds} s, ${boot.proof.reason}`,
      },
    ]);
    return { machine, guest, facts };
  } catch (error) {
    const finding = findingOfError(error);
    boot.findings.record([
      { check: boots.id, title: boots.title, subject: name, ...finding, message: `${firmware}: ${finding.message}` },
    ]);
    await machine?.stop();
    return undefined;
  }
}

/** A clone up to the end of its checks, still running. */
async function bootClone(
  boot: Boot,
  planned: PlannedMachine,
  checks: GuestCheck[],
): Promise<{ machine: Machine; guest: Guest } | undefined> {
  const started = performance.now();
  const up = await bootMachine(boot, planned, (machine) => machine.login());
  if (!up) return undefined;
  // Its outcome is for a check to judge; here only the time counts.
  await up.guest.run('cloud-init status --wait').catch(findingOfError);
  up.facts.cloudInitSeconds = secondsSince(started);
  boot.progress(`${planned.name} is up, checking`);
  for (const check of checks.filter(({ restarts }) => restarts !== true))
    await boot.findings.runCheck(check, up.guest, planned.name);
  return up;
}

async function bootUnseeded(boot: Boot, planned: PlannedMachine, checks: UnseededCheck[]): Promise<void> {
  const up = await bootMachine(boot, planned, (machine) => machine.loginPrompt());
  if (!up) return;
  for (const check of checks) await boot.findings.runCheck(check, up.guest, planned.name);
  await up.machine.stop();
}

/** Waits for all before it throws for one: nothing goes on behind the caller's back. */
async function all<T extends readonly unknown[]>(work: { [K in keyof T]: Promise<T[K]> }): Promise<T> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/**
 * Boots an image in throwaway machines and runs every check on them: two clones with a seed (the first is restarted once),
 * one machine without. A machine that does not boot is a failed verdict (`boot`), and the others go on.
 */
export async function bootImage(request: BootRequest, ctx: StepContext): Promise<BootReport> {
  const { plan, proof, host, checks } = request;
  const sizes = machineSizes(proof.accelerator);
  const findings = collectFindings(plan, ctx);
  let stages = 0;
  const boot: Boot = {
    ...request,
    ctx,
    findings,
    machines: [],
    start: (planned) =>
      host.start(
        {
          ...planned,
          plan,
          image: { path: resolve(request.artifact), format: request.format },
          acceleration: proof,
          seeded: planned.name !== 'unseeded',
          diskSize: plan.template.disk.size + growthBytes,
          memoryMiB: sizes.memoryMiB,
          cpus: sizes.cpus,
          failureDir: request.failureDir,
        },
        ctx,
      ),
    progress: (note) => {
      ctx.emit({ type: 'step.progress', step: 'boot', done: stages, total: 7, unit: 'items', note });
      stages += 1;
    },
  };
  const on = <C extends AnyCheck>(kind: C['on']): C[] => checks.filter((check): check is C => check.on === kind);
  const [guestChecks, clonesChecks, unseededChecks] = [
    on<GuestCheck>('guest'),
    on<ClonesCheck>('clones'),
    on<UnseededCheck>('unseeded'),
  ];
  const [first, second, third] = planMachines(plan.template.disk.firmware, await host.firmwares());

  const atOnce = sizes.atOnce === 3 ? bootUnseeded(boot, third, unseededChecks) : Promise.resolve();
  const [a, b] = await all([bootClone(boot, first, guestChecks), bootClone(boot, second, guestChecks), atOnce]);
  if (a && b) {
    boot.progress('comparing the clones');
    for (const check of clonesChecks) await findings.runCheck(check, [a.guest, b.guest], `${first.name}, ${second.name}`);
  }
  const secondBoot = async (): Promise<void> => {
    if (!a) return;
    boot.progress(`${first.name} restarts`);
    for (const check of guestChecks.filter(({ restarts }) => restarts)) await findings.runCheck(check, a.guest, first.name);
    await a.machine.stop();
  };
  const unseededAfter = async (): Promise<void> => {
    await b?.machine.stop();
    if (sizes.atOnce === 2) await bootUnseeded(boot, third, unseededChecks);
  };
  await all([secondBoot(), unseededAfter()]);
  return { verdicts: findings.verdicts, machines: boot.machines };
}
