import type { TargetResult } from '../model/deploy.ts';
import type { Context } from './context.ts';
import { errorJson, exitCodeOf } from './render/error.ts';

/** Ends a command that worked on several targets: says how it went on each, and returns the worst exit code. */
export async function endOnTargets(context: Context, results: readonly TargetResult[]): Promise<number> {
  const { targetsSummary } = await import('./render/deployments.ts');
  const value = {
    type: 'result',
    results: results.map(({ error, ...rest }) => (error ? { ...rest, error: errorJson(error) } : rest)),
  };
  const names = results.flatMap(({ target, deployment }) =>
    deployment ? [`${target} ${deployment.template}@${deployment.version} ${deployment.id}\n`] : [],
  );
  context.answer(value, () => (context.globals.quiet ? names.join('') : targetsSummary(results, context.style)));
  for (const { target, error } of results) if (error) context.showError(error, results.length > 1 ? target : undefined);
  return Math.max(0, ...results.map(({ error }) => (error ? exitCodeOf(error) : 0)));
}
