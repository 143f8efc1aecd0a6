import { describe, expect, test } from 'vitest';
import { clonesChecks, guestChecks, rootfsChecks, unseededChecks } from '../../src/checks/index.ts';
import type { AnyCheck } from '../../src/model/check.ts';
import { plantedDefects } from '../e2e/planted-defects.ts';
import { defects as provisionDefects } from '../provision-defects.ts';

const all: AnyCheck[] = [...rootfsChecks, ...guestChecks, ...unseededChecks, ...clonesChecks];

describe.each(all.map((check) => [check.id, check] as const))('check %s', (id, check) => {
  test('has an id in kebab-case that no other check has', () => {
    expect(id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(all.filter((other) => other.id === id)).toHaveLength(1);
  });

  test('has a title that says what holds', () => {
    expect(check.title).toMatch(/^\S.{10,100}[^\s.]$/);
  });
});

/** A check that nothing can make fail proves nothing. */
const planted = [...plantedDefects, ...provisionDefects];

test.each(rootfsChecks.map(({ id }) => id))('check %s has a planted defect', (id) => {
  expect(planted.filter(({ check }) => check === id).length).toBeGreaterThan(0);
});

test('every planted defect is of a check that exists, and at least 60 are planted in a real image', () => {
  const ids = new Set(rootfsChecks.map(({ id }) => id));
  expect(planted.filter(({ check }) => !ids.has(check))).toEqual([]);
  expect(plantedDefects.length).toBeGreaterThanOrEqual(60);
});
