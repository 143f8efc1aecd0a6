import { z } from 'zod';
import { mediumSourceSchema } from '../../model/medium.ts';
import { keyringOption } from '../shared/media/keyring-option.ts';
import type { Builder } from './builder.ts';
import * as registry from './builders/index.ts';

/** The options of the engine: those of every builder, and what each builder's own place needs. */

export const builders: Builder[] = Object.values(registry);

/** `remote_host` is written `remoteHost` in a definition. */
export function optionName(variable: string): string {
  return variable.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

const common = {
  memoryMiB: z.int().min(256).default(1024).describe('Memory of the machine that builds, in MiB'),
  cpus: z.int().min(1).max(64).default(2).describe('Its processors'),
  sshTimeoutMinutes: z.int().min(1).max(600).default(30).describe('How long to wait until SSH answers'),
  source: mediumSourceSchema
    .optional()
    .describe("The image or medium to begin with; by default the vendor's own, proven by the vendor's signature"),
  keyring: keyringOption,
};

function optionsOf(builder: Builder, isRequired: boolean) {
  const own = Object.entries(builder.variables).flatMap(([name, { description, default: value, sensitive, example }]) => {
    // Secrets are no part of a definition.
    if (sensitive) return [];
    const base = typeof value === 'number' ? z.int() : typeof value === 'boolean' ? z.boolean() : z.string().min(1);
    const described = base.describe(description);
    const schema = value === undefined && isRequired ? described : described.optional();
    return [[optionName(name), example === undefined ? schema : schema.meta({ examples: [example] })] as const];
  });
  return z.strictObject({ builder: z.literal(builder.id), ...common, ...Object.fromEntries(own) });
}

function union(isRequired: boolean) {
  const [first, ...rest] = builders.map((builder) => optionsOf(builder, isRequired));
  if (first === undefined) throw new TypeError('no builder');
  return z.discriminatedUnion('builder', [first, ...rest], {
    error: `must be one of ${builders.map(({ id }) => id).join(', ')}`,
  });
}

/** For a definition, which must say all. */
export const packerOptions = union(true);
export type PackerOptions = z.output<typeof packerOptions> & Record<string, unknown>;

const exported = union(false);

/** For what is exported: the rest becomes variables that a person sets. */
export function readOptions(options: unknown): PackerOptions {
  return exported.parse(options);
}

export function findBuilder(id: string): Builder | undefined {
  return builders.find((builder) => builder.id === id);
}

/** The values of a builder's variables by their Packer names, as far as a definition gives them. */
export function givenVariables(builder: Builder, options: Record<string, unknown>): Record<string, string | number | boolean> {
  return Object.fromEntries(
    Object.keys(builder.variables).flatMap((name) => {
      const value = options[optionName(name)];
      return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? [[name, value]] : [];
    }),
  );
}
