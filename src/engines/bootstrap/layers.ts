import { rm } from 'node:fs/promises';
import type { StepContext } from '../../model/step.ts';
import { errnoOf } from '../../util/errors.ts';
import { runInNamespace } from './namespace.ts';

const inside = new URL('./inside.ts', import.meta.url);

/** Removes folders that may hold files of other users of our namespace. */
export async function removeTrees(paths: string[], ctx: StepContext): Promise<void> {
  const stubborn: string[] = [];
  for (const path of paths) {
    try {
      await rm(path, { recursive: true, force: true });
    } catch (error) {
      if (!['EACCES', 'EPERM'].includes(errnoOf(error) ?? '')) throw error;
      stubborn.push(path);
    }
  }
  if (stubborn.length > 0) await runInNamespace(inside, { op: 'remove', paths: stubborn }, { network: false }, ctx).result;
}
