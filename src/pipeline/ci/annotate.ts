import type { Annotation } from '../../model/ci.ts';
import type { Plan } from '../../model/plan.ts';
import { AppError, type Fault } from '../../util/errors.ts';
import { type LoadedTemplate, type LoadOptions, loadTemplate } from '../load.ts';

export interface AnnotateOptions {
  load: LoadOptions;
  /** Also asks the mirrors whether the packages are there. */
  plan?: ((loaded: LoadedTemplate) => Promise<Plan>) | undefined;
}

/** Everything that is wrong or doubtful about definitions, each at the line of the file that is to be corrected. */
export async function annotateDefinitions(files: readonly string[], { load, plan }: AnnotateOptions): Promise<Annotation[]> {
  const found: Annotation[] = [];
  for (const file of files) {
    try {
      const loaded = await loadTemplate(file, load);
      found.push(...loaded.warnings.map((fault) => annotation('warning', 'Definition', fault, file)));
      if (plan) await plan(loaded).catch((error: unknown) => found.push(...planFaults(loaded, error)));
    } catch (error) {
      if (!(error instanceof AppError) || error.code === 'CANCELLED') throw error;
      // A template that is only a base is no fault, but what is wrong with it is.
      if (error.details.abstract !== true) found.push(...errorAnnotations(error, file));
    }
  }
  // What several definitions extend is wrong once.
  return [...new Map(found.map((item) => [JSON.stringify(item), item])).values()];
}

/** The faults of an error, or the error itself, as annotations of a file. */
export function errorAnnotations(error: AppError, file: string): Annotation[] {
  const faults: Fault[] =
    error.faults.length > 0 ? error.faults : [{ message: error.message, ...(error.hint ? { hint: error.hint } : {}) }];
  return faults.map((fault) => annotation('error', error.code, fault, file));
}

/** The mirrors know no places: a package is looked for among those that the definition adds. */
function planFaults({ template, placeOf, file }: LoadedTemplate, error: unknown): Annotation[] {
  if (!(error instanceof AppError) || error.code === 'CANCELLED') throw error;
  return errorAnnotations(error, file).map((item) => {
    const named = template.packages.add.findIndex((name) => item.message.includes(`"${name}"`));
    if (item.line !== undefined || named === -1) return item;
    return { ...item, ...placeOf(['packages', 'add', named]) };
  });
}

function annotation(level: Annotation['level'], title: string, fault: Fault, file: string): Annotation {
  return { file, ...fault, level, title };
}
