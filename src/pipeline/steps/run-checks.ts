import { type AnyCheck, type Finding, type Verdict, verdictEvent, verdictsOf } from '../../model/check.ts';
import type { Plan } from '../../model/plan.ts';
import type { StepContext } from '../../model/step.ts';
import { AppError, isCancellation } from '../../util/errors.ts';

/** Takes verdicts as they come: announces and keeps them. */
export type Record = (...verdicts: Verdict[]) => void;

/** What an error during a check on a machine says about the image. Bugs and cancellations are passed on. */
function findingOf(error: unknown): Finding {
  if (!(error instanceof AppError) || isCancellation(error)) throw error;
  const files = error.details['files'];
  const kept = Array.isArray(files) && files.length > 0 ? ` (see ${files.join(', ')})` : '';
  return { status: 'fail', message: `${error.message}${kept}` };
}

export { findingOf as findingOfError };

/** Runs one check on its subject; what the template leaves out is a skip with its reason. */
export async function runMachineCheck<S>(
  check: AnyCheck & { run(subject: S, ctx: { signal: AbortSignal }): Promise<Finding[]> },
  subject: S,
  name: string,
  plan: Plan,
  ctx: StepContext,
): Promise<Verdict[]> {
  const left = plan.template.checks.skip.find((item) => item.check === check.id);
  if (left) return verdictsOf(check, [{ status: 'skip', message: `left out by the template: ${left.reason}` }], name);
  const started = performance.now();
  const findings = await check.run(subject, { signal: ctx.signal }).catch((error: unknown) => [findingOf(error)]);
  const durationMs = Math.round(performance.now() - started);
  return verdictsOf(check, findings, name).map((verdict) => ({ ...verdict, durationMs }));
}

/** A list of verdicts that announces each. */
export function verdictList(ctx: StepContext): { verdicts: Verdict[]; record: Record } {
  const verdicts: Verdict[] = [];
  return {
    verdicts,
    record: (...more) => {
      for (const verdict of more) {
        verdicts.push(verdict);
        ctx.emit(verdictEvent(verdict));
      }
    },
  };
}
