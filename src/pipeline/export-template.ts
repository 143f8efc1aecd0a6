import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Engine, refusalsOf } from '../model/engine.ts';
import { findRelease } from '../model/distro.ts';
import type { Plan } from '../model/plan.ts';
import type { StepContext } from '../model/step.ts';
import { AppError } from '../util/errors.ts';
import { syncFolder } from '../util/files.ts';
import { type LoadOptions, loadTemplate } from './load.ts';
import { makePlan, type PlanServices } from './make-plan.ts';

export interface ExportRequest {
  template: string;
  /** The engine and its options to plan with, instead of the definition's own. Those of the same builder are kept. */
  engine: Engine;
  builder: string;
  /** Where the folder goes; must not exist. */
  folder: string;
  /** Writes all into a folder that is there and empty, and tells what. */
  write: (plan: Plan, folder: string) => Promise<{ path: string }[]>;
}

/**
 * Plans a template for an engine that others run by hand, and writes all that they need into a folder, whole or not at all.
 * @throws AppError CONFLICT when the folder exists; TEMPLATE_INVALID with what the builder cannot make; whatever planning throws
 */
export async function exportTemplate(
  request: ExportRequest,
  load: LoadOptions,
  services: PlanServices,
  ctx: Pick<StepContext, 'cacheDir' | 'offline' | 'signal' | 'emit'>,
): Promise<{ folder: string; files: string[]; plan: string }> {
  const { engine, builder, folder } = request;
  if (await exists(folder))
    throw new AppError('CONFLICT', `${folder} exists already`, { hint: 'Remove it, or choose another by --to.' });
  const loaded = await loadTemplate(request.template, load);
  const own = loaded.template.engine;
  const options = own.name === engine.id && own.options['builder'] === builder ? own.options : { builder };
  const template = { ...loaded.template, engine: { name: engine.id as typeof own.name, options } };
  const distro = services.distros.find(({ id }) => id === template.distro);
  const release = distro && findRelease(distro, template.release);
  if (distro === undefined || release === undefined) throw new TypeError('the template was not checked');
  const refused = refusalsOf(engine, { template, distro, release });
  if (refused.length > 0)
    throw new AppError('TEMPLATE_INVALID', `${template.name} cannot be made by ${builder}`, {
      faults: refused.map(({ path, message, hint }) => ({
        ...loaded.placeOf(path),
        message: `${path.join('.')}: ${message}`,
        ...(hint === undefined ? {} : { hint }),
      })),
    });
  const plan = await makePlan({ ...loaded, template }, undefined, services, ctx);
  const part = `${folder}.part`;
  try {
    await rm(part, { recursive: true, force: true });
    await mkdir(part, { recursive: true });
    const files = await request.write(plan, part);
    await rename(part, folder);
    await syncFolder(dirname(folder));
    return { folder, files: files.map(({ path }) => path), plan: plan.id };
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
