import type { Finding, Rootfs, RootfsCheck } from '../../model/check.ts';
import type { Plan } from '../../model/plan.ts';
import type { ShippedStep } from '../../model/template.ts';

/** What a check of a shipped provisioning step is given. */
export interface StepSubject {
  rootfs: Rootfs;
  plan: Plan;
  /** A parameter of the step (`with:` in the definition), as the script saw it; undefined where the definition has none. */
  parameter: (name: string) => string | undefined;
}

/** A check of what a shipped step has promised. It is skipped in images that are made without the step. */
export function stepCheck(
  step: ShippedStep,
  id: string,
  title: string,
  find: (subject: StepSubject) => Promise<Finding[]>,
): RootfsCheck {
  return {
    id,
    title,
    on: 'rootfs',
    async run({ rootfs, plan }) {
      const item = plan.provisioning.find(({ kind, name }) => kind === 'step' && name === step);
      if (item?.kind !== 'step') return [{ status: 'skip', message: `the step ${step} is switched off in this template` }];
      const parameter = (name: string): string | undefined =>
        item.environment[`GABARIT_WITH_${name.toUpperCase().replaceAll('-', '_')}`];
      return find({ rootfs, plan, parameter });
    },
  };
}

export function fail(message: string): Finding {
  return { status: 'fail', message };
}

/** Words of a parameter that was written as a list or with spaces or commas. */
export function wordsOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== '');
}
