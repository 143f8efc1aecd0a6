import { describe, expect, it } from 'vitest';
import { fuzz, fuzzSubjects, smallImage, survives } from '../format-fuzz.ts';

/** What every reader of a disk format keeps when an image is damaged. Ten times as much damage: format-fuzz.slow.test.ts. */
describe.each(fuzzSubjects)('damaged $name', (subject) => {
  it('1,000 corruptions end in IMAGE_INVALID or in bytes, never in anything else', async () => {
    const seen = await fuzz(subject, 1000);
    expect(seen.read).toBeGreaterThan(50);
    expect(seen.refused).toBeGreaterThan(50);
  });

  it('is refused when it was cut off anywhere', async () => {
    const image = await smallImage(subject.format);
    expect(await survives(subject, image)).toBe(true);
    const step = Math.max(1, Math.floor(image.length / 300));
    for (let length = 0; length < image.length; length += step) {
      expect(await survives(subject, image.subarray(0, length))).toBe(false);
    }
    expect(await survives(subject, image.subarray(0, -1))).toBe(false);
  });

  it.runIf(subject.hasEnd)('is refused when something follows it', async () => {
    const image = await smallImage(subject.format);
    for (const length of [1, 512, 65_536, 2 ** 21])
      for (const rest of [Buffer.alloc(length), Buffer.alloc(length, 'x')])
        expect(await survives(subject, Buffer.concat([image, rest]))).toBe(false);
  });
});
