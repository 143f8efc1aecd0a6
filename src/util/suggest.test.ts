import { expect, test } from 'vitest';
import { didYouMean, nearMatches } from './suggest.ts';

test('names what is near, the nearest first', () => {
  expect(nearMatches('debian-21', ['debian-11', 'debian-12', 'rocky-9'])).toEqual(['debian-11', 'debian-12']);
  expect(nearMatches('platfroms', ['name', 'platforms'])).toEqual(['platforms']);
});

test('says nothing about what is far, or the word itself', () => {
  expect(nearMatches('abc', ['xyz', 'abc'])).toEqual([]);
  expect(didYouMean('qemu', ['vmware'])).toBe('');
  expect(didYouMean('Xne', ['xen'])).toBe('');
  expect(didYouMean('zen', ['xen'])).toBe('; did you mean "xen"?');
});
