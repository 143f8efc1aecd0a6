import { join } from 'node:path';
import type { Format } from '../model/format.ts';
import type { Target, TargetContext, TargetSession } from '../model/target.ts';
import type { PackDisk, PackVm } from '../model/vm-stream.ts';
import { AppError } from '../util/errors.ts';
import type { EventBus } from '../util/events.ts';
import type { Scope } from '../util/scope.ts';
import { didYouMean } from '../util/suggest.ts';
import { openJournal } from './deploy-journal.ts';
import { seenCertificates } from './seen-certificates.ts';

/** A target of the configuration: its kind, ready to be opened. */
export interface ConfiguredTarget {
  platform: Target<never>['platform'];
  open(ctx: TargetContext): Promise<TargetSession>;
}

export interface DeployServices {
  /** By the name in the configuration. */
  targets: ReadonlyMap<string, ConfiguredTarget>;
  formats: readonly Format[];
  pack: PackVm;
  packDisk: PackDisk;
  credential(reference: string): Promise<string>;
  stateDir: string;
  /** Who deploys: `anna@builder`. */
  by: string;
  /** Of Gabarit. */
  version: string;
  bus: EventBus;
}

export type NamedTarget = ConfiguredTarget & { name: string };

/** @throws AppError USAGE, naming what there is */
export function findTargets(names: readonly string[], { targets }: DeployServices): NamedTarget[] {
  if (targets.size === 0) {
    throw new AppError('USAGE', 'No targets are configured', {
      hint: 'Write "targets:" into gabarit.yaml: docs/xcp-ng.md shows how.',
    });
  }
  return [...new Set(names)].map((name) => {
    const target = targets.get(name);
    if (target) return { ...target, name };
    throw new AppError('USAGE', `No target "${name}" is configured${didYouMean(name, targets.keys())}`, {
      hint: `Targets of the configuration: ${[...targets.keys()].join(', ')}.`,
    });
  });
}

/** Logs in; the scope logs out. What the run makes there is written down on this machine. */
export async function openTarget(
  target: NamedTarget,
  services: DeployServices,
  scope: Scope,
  signal: AbortSignal,
): Promise<TargetSession> {
  const emit = services.bus.emitter(target.name);
  const session = await target.open({
    journal: await openJournal(services.stateDir, target.name, scope),
    credential: (reference) => services.credential(reference),
    certificates: seenCertificates(services.stateDir, emit),
    pack: services.pack,
    packDisk: services.packDisk,
    failureDir: join(services.stateDir, 'failures'),
    by: services.by,
    version: services.version,
    emit,
    signal,
  });
  scope.defer(() => session.close());
  return session;
}
