import type { ShippedStep } from './template.ts';

/** The parameters of the shipped provisioning steps, as `with:` takes them. A step's script sees each one as an environment variable. */

export type ParameterType = 'text' | 'number' | 'boolean' | 'list';

export interface StepParameter {
  type: ParameterType;
  default: string | number | boolean | string[];
  description: string;
}

export interface ShippedStepFacts {
  title: string;
  parameters: Record<string, StepParameter>;
}

export const provisionSteps: Record<ShippedStep, ShippedStepFacts> = {
  base: { title: 'Base system', parameters: {} },
  'cloud-init': { title: 'cloud-init', parameters: {} },
  'guest-tools': { title: 'Guest tools', parameters: {} },
  ssh: { title: 'SSH', parameters: {} },
  hardening: { title: 'Hardening', parameters: {} },
  seal: { title: 'Seal', parameters: {} },
};

/** Whether a value fits the type of a parameter. */
export function fitsParameter(type: ParameterType, value: unknown): boolean {
  if (type === 'text') return typeof value === 'string';
  if (type === 'list') return Array.isArray(value);
  return typeof value === type;
}
