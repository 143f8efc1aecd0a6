import type { Plan } from '../../model/plan.ts';
import type { AnswersFor } from './answers-for.ts';
import type { Builder, Dialect } from './builder.ts';

/** How to run the folder, in two commands. */
export function readme(facts: {
  plan: Plan;
  builder: Builder;
  dialect: Dialect;
  answers: AnswersFor | undefined;
  isRepacked: boolean;
}): string {
  const { plan, builder, dialect, answers, isRepacked } = facts;
  const secrets = Object.entries(builder.variables).filter(([, { sensitive }]) => sensitive);
  const required = Object.entries(builder.variables).filter(
    ([, { sensitive, default: value }]) => !sensitive && value === undefined,
  );
  const varFile = required.length > 0 ? ' -var-file=site.pkrvars.json' : '';
  const lines = [
    `# ${plan.template.name} by Packer (${builder.id})`,
    '',
    `${plan.template.description}. From the plan \`${plan.id}\`.`,
    '',
    '```sh',
    'sh prepare.sh',
    `packer build${varFile} .`,
    '```',
    '',
    dialect === '1.6'
      ? 'For Packer 1.6.6, as Debian has it: every builder is built in.'
      : `For Packer 1.7 and newer, with the plugin ${builder.plugin.source} ${builder.plugin.version}.`,
    '',
    ...(required.length > 0
      ? ['First copy `example.pkrvars.json` to `site.pkrvars.json`, and say there:', '']
      : ['What can be set lies in `variables.pkr.json`; examples in `example.pkrvars.json`.', '']),
    ...required.map(([name, { description }]) => `- \`${name}\`: ${description}`),
    ...(required.length > 0 ? [''] : []),
    ...(secrets.length > 0
      ? [
          'Secrets are in no file. Packer reads them from its environment:',
          '',
          ...secrets.map(([name, { description }]) => `- \`PKR_VAR_${name}\`: ${description}`),
          '',
        ]
      : []),
    ...(plan.medium ? [`It begins with <${plan.medium.url}> (${plan.medium.digest.slice(0, 19)}...).`, ''] : []),
    ...(answers
      ? [
          isRepacked
            ? 'The answers of the installer are on `medium.iso`, which starts it by itself: nothing is typed. They let in the key `build-key`, until the last script has taken it out of the image: export again for another one.'
            : answers.bootCommand.length > 0
              ? 'The answers of the installer are typed for: `boot_command` tells it where they are. It is the one part that depends on timing; raise `boot_wait` if the boot menu is missed.'
              : `The installer finds its answers by itself on the volume \`${answers.volume ?? ''}\`; nothing is typed.`,
          '',
        ]
      : []),
    'What runs in the machine, in this order: `scripts/`. The last one takes out all that belongs to this build, and stops the machine.',
    '',
  ];
  return lines.join('\n');
}
