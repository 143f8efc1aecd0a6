import { expect, it } from 'vitest';
import { fuzz, fuzzSubjects } from '../format-fuzz.ts';

it.each(fuzzSubjects)('10,000 corruptions of $name end in IMAGE_INVALID or in bytes', async (subject) => {
  const seen = await fuzz(subject, 10_000);
  expect(seen.read).toBeGreaterThan(500);
  expect(seen.refused).toBeGreaterThan(500);
});
