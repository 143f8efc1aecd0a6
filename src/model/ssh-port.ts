import type { Plan } from './plan.ts';

/** The port that the image's SSH server listens on: 22, unless the definition's `ssh` step says otherwise. */
export function sshPort(plan: Plan): number {
  const ports = plan.template.provisioning.flatMap((item) =>
    'step' in item && item.step === 'ssh' ? [Number(item.with['port'] ?? 22)] : [],
  );
  return ports.at(-1) ?? 22;
}
