import { describe, expect, test } from 'vitest';
import { guestChecks } from '../../src/checks/index.ts';
import { digestOfFile } from '../../src/util/digest.ts';
import { needs } from '../tools.ts';
import { machineBench, machineTools, minutes, startOne } from './machine-bench.ts';

/** One real boot of a real image. The whole verification, and images with defects: boot-defects.slow.test.ts. */
describe.skipIf(needs(...machineTools))('boot', () => {
  const bench = machineBench();

  test('a machine with a seed comes up and passes its checks; the image stays as it is', { timeout: 15 * minutes }, async () => {
    const { image, ctx } = bench;
    const before = await digestOfFile(image.disk);
    const machine = await startOne(bench, image, 'bios', true);
    const guest = await machine.login();
    const found = new Map<string, string[]>();
    for (const check of guestChecks.filter(({ restarts }) => restarts !== true)) {
      const findings = await check.run(guest, { signal: ctx.signal });
      found.set(
        check.id,
        findings.filter(({ status }) => status !== 'pass').map(({ message }) => message),
      );
    }
    await machine.stop();
    expect(found.size).toBeGreaterThanOrEqual(10);
    expect([...found].filter(([, messages]) => messages.length > 0)).toEqual([]);
    expect(await digestOfFile(image.disk)).toBe(before);
  });
});
