import type { Plan, PlanProvision } from '../../model/plan.ts';
import { formatSize } from '../../model/size.ts';
import type { Style } from '../style.ts';
import { count, table } from './words.ts';

/** A plan for people. */
export function planText(plan: Plan, style: Style, verbose: boolean): string {
  const { template, lock, release } = plan;
  const bytes = lock.packages.reduce((sum, { size }) => sum + size, 0);
  const rows = [
    ['System', `${release.title}, ${plan.arch}`],
    ['Platforms', template.platforms.join(', ')],
    [
      'Disk',
      `${formatSize(template.disk.size)} ${template.disk.filesystem}, firmware ${template.disk.firmware}, kernel ${template.kernel}`,
    ],
    ['Formats', template.formats.join(', ')],
    ...(plan.medium
      ? [
          ['From', plan.medium.url],
          ['Digest', plan.medium.digest],
        ]
      : [
          ['Packages', `${count(lock.packages.length, 'package')}, ${formatSize(bytes)} to download when nothing is cached`],
          ['From', lock.repositories.map(({ uri, suite }) => `${uri} ${suite}`).join('\n' + ' '.repeat(14))],
        ]),
    ['Provisioning', plan.provisioning.map(provisionText).join(', ') || 'none'],
    ['Plan', plan.id],
  ];
  const lines = [style.strong(template.name) + (template.description === '' ? '' : `: ${template.description}`)];
  lines.push(...table(rows.map(([name = '', value = '']) => [`  ${name}`, value])));
  if (verbose)
    lines.push('', ...table(lock.packages.map(({ name, version, architecture }) => [`  ${name}`, version, architecture])));
  for (const { name, text } of plan.preview ?? []) lines.push('', style.strong(name), text.trimEnd());
  return `${lines.join('\n')}\n`;
}

function provisionText(item: PlanProvision): string {
  return item.kind === 'step' ? item.name : `${item.kind} ${item.name}`;
}
