import { z } from 'zod';
import type { ShippedStep } from './template.ts';

/** The shipped provisioning steps and their parameters (`with:`), as the head of each script in templates/provision lists them. */

export interface StepParameter {
  schema: z.ZodType;
  /** As a person would write it; undefined where the default comes from elsewhere in the template. */
  default?: string | number;
  description: string;
}

export interface ShippedStepFacts {
  title: string;
  parameters: Record<string, StepParameter>;
}

/** Several words: a list, or one text with spaces or commas between them. */
function words(each: RegExp, message: string): z.ZodType {
  return z
    .union([z.string(), z.array(z.string())], { error: message })
    .refine((value) => wordsOf(value).every((word) => each.test(word)), message);
}

function wordsOf(value: string | string[]): string[] {
  return (typeof value === 'string' ? value.split(/[\s,]+/) : value).filter((word) => word !== '');
}

export const provisionSteps: Record<ShippedStep, ShippedStepFacts> = {
  base: {
    title: 'Base system: locale, time zone, host name, package sources, network, time, logs',
    parameters: {
      journal: {
        schema: z.enum(['persistent', 'volatile']),
        default: 'persistent',
        description: 'Whether logs survive a reboot',
      },
      resolvers: {
        schema: words(/^[0-9A-Fa-f.:]+$/, 'must be IP addresses'),
        default: '',
        description: 'Fallback DNS servers; without them only what DHCP or the seed gives',
      },
    },
  },
  'cloud-init': {
    title: 'cloud-init: where the first boot takes its identity from, and the user that it makes',
    parameters: {
      datasources: {
        schema: words(/^[A-Z][A-Za-z0-9]*$/, 'must be names of data sources such as NoCloud'),
        default: 'NoCloud ConfigDrive',
        description: 'In order of trust',
      },
      groups: {
        schema: words(/^[a-z_][a-z0-9_-]*$/, 'must be names of groups'),
        default: '',
        description: 'Further groups of the default user',
      },
    },
  },
  'guest-tools': {
    title: 'Guest tools: the agent of each platform, started only on that platform',
    parameters: {
      agents: {
        schema: words(/^(kvm|xen|vmware|none)$/, 'must be some of kvm, xen and vmware, or none'),
        description: 'The platforms whose agents run; by default those of the template',
      },
    },
  },
  ssh: {
    title: 'SSH server: keys only, modern algorithms, host keys made by each machine for itself',
    parameters: {
      forwarding: {
        schema: z.enum(['no', 'tcp']),
        default: 'no',
        description: '`tcp` for machines that people jump through or reach other ports by',
      },
      port: {
        schema: z
          .int('must be a port from 1 to 65535')
          .min(1, 'must be a port from 1 to 65535')
          .max(65535, 'must be a port from 1 to 65535'),
        default: 22,
        description: 'Where the server listens',
      },
    },
  },
  hardening: {
    title: 'Hardening: a sound base for every machine',
    parameters: {
      umask: {
        schema: z.string().regex(/^0?[0-7]{3}$/, 'must be an octal mask such as "027"'),
        default: '027',
        description: 'Of new files and home folders of people, in quotes',
      },
    },
  },
  seal: {
    title: 'Seal: takes out all that belongs to one machine, one build or one person',
    parameters: {
      'build-user': {
        schema: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'must be a user name'),
        description: 'The account that built a machine over SSH; it is removed',
      },
    },
  },
};
