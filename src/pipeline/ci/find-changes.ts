import type { TemplateChange } from '../../model/ci.ts';
import type { Plan } from '../../model/plan.ts';
import { AppError, isCancellation } from '../../util/errors.ts';
import { nearMatches } from '../../util/suggest.ts';
import { definitionDigest, diffPlans, whyChanged } from './plan-diff.ts';

/** What is compared with. */
export interface Before {
  /** Of the image or definition before; undefined when there was none. */
  plan: Plan | undefined;
  /** The newest version that was published. */
  published?: string | undefined;
}

export interface FindChanges {
  /** Own definitions: bases that are only extended are left out. */
  definitions: readonly { name: string; file: string }[];
  /** Only these; all when undefined. They are built whether they changed or not. */
  only?: readonly string[] | undefined;
  /** Build all of them, changed or not. */
  force: boolean;
  /** Newer packages alone are a reason to build, too. */
  updates: boolean;
  /** Formats instead of the templates' own. */
  formats?: readonly string[] | undefined;
  planOf(file: string): Promise<Plan>;
  before(name: string): Promise<Before>;
}

/**
 * Which templates must be built, by the digests of their plans: a definition that extends a changed one has changed, and a change that
 * makes no difference to an image is none. One that cannot be planned is listed with its error and hides no other.
 * @throws AppError TEMPLATE_NOT_FOUND for an unknown name in `only`
 */
export async function findChanges(options: FindChanges): Promise<TemplateChange[]> {
  const { definitions, only } = options;
  const names = definitions.map(({ name }) => name);
  const unknown = (only ?? []).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const near = nearMatches(unknown, names);
    throw new AppError('TEMPLATE_NOT_FOUND', `This repository defines no template "${unknown}"`, {
      hint: near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `It defines ${names.join(', ') || 'none'}.`,
    });
  }
  const changes: TemplateChange[] = [];
  for (const definition of definitions) {
    if (only && !only.includes(definition.name)) continue;
    changes.push(await changeOf(definition, options));
  }
  return changes;
}

async function changeOf({ name, file }: { name: string; file: string }, options: FindChanges): Promise<TemplateChange> {
  try {
    const plan = await options.planOf(file);
    const { plan: before, published } = await options.before(name);
    const formats = [...(options.formats ?? plan.template.formats)];
    const found = {
      ...(published === undefined ? {} : { published }),
      template: name,
      file,
      formats,
      plan: plan.id,
      ...(before ? { before, diff: diffPlans(before, plan) } : {}),
    };
    if (!before) return { ...found, state: 'new', build: true, reasons: ['it is new'] };
    const differs = options.updates ? before.id !== plan.id : definitionDigest(before) !== definitionDigest(plan);
    if (differs) return { ...found, state: 'changed', build: true, reasons: whyChanged(before, plan) };
    const asked = options.force || options.only !== undefined;
    return { ...found, state: 'unchanged', build: asked, reasons: asked ? ['it was asked for'] : [] };
  } catch (error) {
    if (!(error instanceof AppError) || isCancellation(error)) throw error;
    return { template: name, file, state: 'failed', build: false, reasons: [error.message], formats: [], error };
  }
}
