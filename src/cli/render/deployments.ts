import type { TargetListing, TargetResult } from '../../model/deploy.ts';
import { formatSize } from '../../model/size.ts';
import type { DeployPlan } from '../../model/target.ts';
import type { Style } from '../style.ts';
import { count, formatDuration, table } from './words.ts';

/** How a command went on each target. */
export function targetsSummary(results: readonly TargetResult[], style: Style): string {
  const lines = results.filter(({ error }) => !error).flatMap((result) => resultLines(result, style));
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\n`;
}

function resultLines(result: TargetResult, style: Style): string[] {
  const { target, outcome, plan, deployment, replaced, removed = [], swept = [], sent = 0, durationMs } = result;
  const at = style.name(target);
  const name = deployment ? style.strong(`${deployment.template} ${deployment.version}`) : '';
  const after = [
    ...(replaced ? [`  ${replaced.version} is kept: gabarit rollback ${replaced.template} --target ${target}`] : []),
    ...(outcome === 'removed' ? [] : removed.map((old) => `  ${old.version} was removed`)),
  ];
  if (outcome === 'planned' && plan) return planLines(target, plan, style);
  if (outcome === 'deployed')
    return [`${at}: ${name} deployed in ${formatDuration(durationMs)} (${formatSize(sent)} sent)`, ...after];
  if (outcome === 'promoted') return [`${at}: ${name} is current again; it was there, nothing was sent`, ...after];
  if (outcome === 'unchanged')
    return [`${at}: ${name} is already there`, ...(deployment?.drift ?? []).map((drift) => `  ${style.warning('!')} ${drift}`)];
  if (outcome === 'removed') return removed.map((old) => `${at}: ${old.template} ${old.version} was removed`);
  if (swept.length === 0) return [`${at}: nothing was left behind`];
  return [
    `${at}: removed ${count(swept.length, 'leftover')}`,
    ...swept.map(({ kind, name: what, run }) => `  ${kind} ${what} (run ${run})`),
  ];
}

function planLines(target: string, { action, replaces, removes, notes }: DeployPlan, style: Style): string[] {
  const what = {
    none: 'nothing would happen: it is already there',
    promote: 'it is there already, and would get the name back; nothing would be sent',
    import: 'it would be sent',
  }[action];
  return [
    `${style.name(target)}: ${what}`,
    ...notes.map((note) => `  ${note}`),
    ...(replaces && action !== 'none' ? [`  ${replaces.version} would be retired`] : []),
    ...removes.map((old) => `  ${old.version} would be removed`),
  ];
}

/** All deployments as a table, with what somebody else changed below each. */
export function deploymentsText(listings: readonly TargetListing[], style: Style): string {
  const all = listings.flatMap(({ deployments }) => deployments);
  if (all.length === 0) return listings.every(({ error }) => error) ? '' : 'There are no deployments\n';
  const rows = all.map(({ target, template, version, state, name, id }) => [target, template, version, state, name, id]);
  const [head = '', ...lines] = table([['TARGET', 'TEMPLATE', 'VERSION', 'STATE', 'CALLED', 'UUID'], ...rows]);
  const body = lines.flatMap((line, at) => {
    const { drift = [], revoked } = all[at] ?? {};
    return [
      line,
      ...drift.map((text) => `  ${style.warning('!')} ${text}`),
      ...(revoked === undefined ? [] : [`  ${style.bad('!')} the image was revoked: ${revoked}`]),
    ];
  });
  return `${[style.faint(head), ...body].join('\n')}\n`;
}
