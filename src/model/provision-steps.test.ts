import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { provisionSteps } from './provision-steps.ts';
import { shippedSteps } from './template.ts';

test.each(shippedSteps)('the parameters of %s are those that its script says', (step) => {
  const script = readFileSync(join(import.meta.dirname, '../../templates/provision', `${step}.sh`), 'utf8');
  const head = script.slice(0, script.indexOf('\nset -eu'));
  const named = [...head.matchAll(/^# {3}([a-z][a-z-]*) {2}/gm)].map(([, name]) => name);
  expect(Object.keys(provisionSteps[step].parameters)).toEqual(named);
  for (const name of named) {
    expect(script).toContain(`GABARIT_WITH_${String(name).toUpperCase().replaceAll('-', '_')}`);
  }
});

test.each(Object.entries(provisionSteps))('the defaults of %s fit their own rules', (_, { parameters }) => {
  for (const { schema, default: value } of Object.values(parameters)) {
    if (value !== undefined) expect(schema.safeParse(value).error).toBeUndefined();
  }
});

test('several words may be a list or a text', () => {
  const agents = provisionSteps['guest-tools'].parameters.agents?.schema;
  expect(agents?.safeParse(['kvm', 'xen']).success).toBe(true);
  expect(agents?.safeParse('kvm, xen').success).toBe(true);
  expect(agents?.safeParse('kvm zen').success).toBe(false);
  expect(agents?.safeParse(3).success).toBe(false);
});
