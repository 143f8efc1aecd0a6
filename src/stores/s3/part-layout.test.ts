import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOnePiece, layoutOf, layoutOfParts, rangeOf } from './part-layout.ts';

const mebibyte = 2 ** 20;
const sizes = fc.integer({ min: 1, max: 5 * 2 ** 40 });
const partSizes = fc.integer({ min: 5, max: 1024 }).map((count) => count * mebibyte);

describe('the layout of parts', () => {
  it('covers the object without gaps, within the limits of S3', () => {
    fc.assert(
      fc.property(sizes, partSizes, (size, partSize) => {
        const layout = layoutOf(size, partSize);
        expect(layout.count).toBeLessThanOrEqual(10_000);
        expect(layout.partSize).toBeGreaterThanOrEqual(partSize);
        const last = rangeOf(layout, layout.count);
        expect(last.start + last.length).toBe(size);
        expect(last.length).toBeGreaterThan(0);
        if (layout.count > 1) expect(rangeOf(layout, 2).start).toBe(rangeOf(layout, 1).length);
      }),
    );
  });

  it('has parts of 16 MiB, larger ones only for what is very large', () => {
    expect(layoutOf(4 * 2 ** 30)).toEqual({ size: 4 * 2 ** 30, partSize: 16 * mebibyte, count: 256 });
    expect(layoutOf(2 ** 40).partSize).toBe(117 * mebibyte);
    expect([16 * mebibyte, 16 * mebibyte + 1].map((size) => isOnePiece(size))).toEqual([true, false]);
  });

  it('is known again by any of its parts but a last one of another configuration', () => {
    fc.assert(
      fc.property(fc.integer({ min: 3, max: 50 }), partSizes, fc.array(fc.nat(), { minLength: 2 }), (count, partSize, picks) => {
        const layout = layoutOf(count * partSize - 7, partSize);
        const parts = new Map(
          picks.map((pick) => {
            const part = (pick % count) + 1;
            return [part, { size: rangeOf(layout, part).length }];
          }),
        );
        const configured = layoutOf(layout.size, 16 * mebibyte);
        const found = layoutOfParts(layout.size, configured, parts);
        if (parts.size > 1 || parts.has(1) || partSize === configured.partSize) expect(found).toEqual(layout);
      }),
    );
  });

  it('is none when the parts are of another object', () => {
    const configured = layoutOf(100 * mebibyte, 16 * mebibyte);
    const of = (...sizesOfParts: [number, number][]) =>
      layoutOfParts(100 * mebibyte, configured, new Map(sizesOfParts.map(([part, size]) => [part, { size }])));
    expect(of()).toBeUndefined();
    expect(of([1, 8 * mebibyte], [3, 7 * mebibyte])).toBeUndefined();
    expect(of([1, 16 * mebibyte], [9, 16 * mebibyte])).toBeUndefined();
    expect(of([7, 16 * mebibyte])).toBeUndefined();
    expect(of([1, 0])).toBeUndefined();
    expect(of([1, 1])).toBeUndefined();
    expect(of([7, 4 * mebibyte])).toEqual(configured);
  });
});
