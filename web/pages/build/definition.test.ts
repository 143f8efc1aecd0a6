import { expect, test } from 'vitest';
import { faultsAt, readDefinition, valueAt, withValue } from './definition.ts';

const text = `# our web server
name: web
extends: debian-12   # keeps pace
packages:
  add: [nginx]
disk:
  size: 8GiB
`;

test('a value is changed in place, and comments stay', () => {
  const next = withValue(readDefinition(text), ['disk', 'size'], '10GiB');
  expect(next).toBe(text.replace('8GiB', '10GiB'));
  expect(withValue(readDefinition(text), ['packages', 'add'], ['nginx', 'htop'])).toContain('# keeps pace');
});

test('a key that is taken out leaves no empty map', () => {
  const next = withValue(readDefinition(text), ['disk', 'size'], undefined);
  expect(next).not.toContain('disk');
  expect(next).toContain('nginx');
});

test('values are made where there were none', () => {
  const definition = readDefinition(withValue(readDefinition('name: a\n'), ['packages', 'set'], 'minimal'));
  expect(valueAt(definition, ['packages', 'set'])).toBe('minimal');
  expect(valueAt(definition, ['packages', 'add'])).toBeUndefined();
});

test('a fault belongs to the field on whose lines it lies', () => {
  const definition = readDefinition(text);
  const fault = { message: 'no such size', line: 7, column: 9 };
  expect(faultsAt(definition, [fault], ['disk', 'size'])).toEqual([fault]);
  expect(faultsAt(definition, [fault], ['disk'])).toEqual([fault]);
  expect(faultsAt(definition, [fault], ['packages'])).toEqual([]);
});

test('broken text is said to be broken', () => {
  expect(readDefinition('name: [').isBroken).toBe(true);
  expect(readDefinition('- a list').isBroken).toBe(true);
  expect(readDefinition('').isBroken).toBe(false);
});
