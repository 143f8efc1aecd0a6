import fc from 'fast-check';
import { expect, test } from 'vitest';
import { treemap } from './treemap.ts';

test('areas are true to the sizes, and tiles fill the picture without covering each other', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(sizes, fc.double({ min: 0.5, max: 4, noNaN: true }), (given, ratio) => {
      const items = given.map((size, index) => ({ name: `folder ${index}`, size }));
      const tiles = treemap(items, ratio);
      const total = given.reduce((sum, size) => sum + size, 0);
      expect(tiles).toHaveLength(items.length);
      for (const tile of tiles) {
        expect(tile.width * tile.height).toBeCloseTo(tile.size / total, 6);
        expect(tile.x).toBeGreaterThanOrEqual(-1e-9);
        expect(tile.x + tile.width).toBeLessThanOrEqual(1 + 1e-6);
        expect(tile.y + tile.height).toBeLessThanOrEqual(1 + 1e-6);
      }
      for (const a of tiles)
        for (const b of tiles) {
          if (a === b) continue;
          const apart =
            a.x + a.width <= b.x + 1e-6 ||
            b.x + b.width <= a.x + 1e-6 ||
            a.y + a.height <= b.y + 1e-6 ||
            b.y + b.height <= a.y + 1e-6;
          expect(apart).toBe(true);
        }
    }),
    { numRuns: 60 },
  );
});

test('nothing gives no tiles', () => {
  expect(treemap([{ name: 'empty', size: 0 }], 2)).toEqual([]);
});
