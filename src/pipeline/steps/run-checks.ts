import { type AnyCheck, type CheckContext, type Finding, type Verdict, verdictEvent, verdictsOf } from '../../model/check.ts';
import type { Plan } from '../../model/plan.ts';
import type { StepContext } from '../../model/step.ts';
import { AppError, isCancellation } from '../../util/errors.ts';

/** What an error on a machine says about the image, with the files that were kept. Bugs and cancellations are thrown on. */
export function findingOfError(error: unknown): Finding {
  if (!(error instanceof AppError) || isCancellation(error)) throw error;
  const files = error.details['files'];
  const kept = Array.isArray(files) && files.length > 0 ? ` (see ${files.join(', ')})` : '';
  return { status: 'fail', message: `${error.message}${kept}` };
}

/** Verdicts of a run on machines: announces and keeps them. */
export interface Findings {
  verdicts: Verdict[];
  record(verdicts: Verdict[]): void;
  /** Runs a check; `subjectName` says on what. What the template leaves out becomes a skip with its reason. */
  runCheck<S>(
    check: AnyCheck & { run(subject: S, ctx: CheckContext): Promise<Finding[]> },
    subject: S,
    subjectName: string,
  ): Promise<void>;
}

export function collectFindings(plan: Plan, ctx: StepContext): Findings {
  const verdicts: Verdict[] = [];
  const record = (more: Verdict[]): void => {
    for (const verdict of more) {
      verdicts.push(verdict);
      ctx.emit(verdictEvent(verdict));
    }
  };
  return {
    verdicts,
    record,
    runCheck: async (check, subject, subjectName) => {
      ctx.signal.throwIfAborted();
      const skip = plan.template.checks.skip.find((item) => item.check === check.id);
      if (skip) {
        record(verdictsOf(check, [{ status: 'skip', message: skip.reason }], subjectName));
        return;
      }
      const started = performance.now();
      const found = await check.run(subject, { signal: ctx.signal }).catch((error: unknown) => [findingOfError(error)]);
      const durationMs = Math.round(performance.now() - started);
      record(verdictsOf(check, found, subjectName).map((verdict) => ({ ...verdict, durationMs })));
    },
  };
}
