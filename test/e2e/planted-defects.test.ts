import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rootfsChecks } from '../../src/checks/index.ts';
import type { Finding, RootfsCheck, RootfsSubject } from '../../src/model/check.ts';
import { type BuiltImage, builtImage, removeBuiltImages } from './built-image.ts';
import { type PlantedDefect, plantedDefects } from './planted-defects.ts';
import { type PlantedImage, plantedImage } from './planted-image.ts';
import { needs, needsRoot } from '../tools.ts';

const skip = needs('debugfs', 'e2undo', 'apt-get', 'dpkg-deb', 'unshare', 'flock', 'perl', 'qemu-img') || needsRoot();

async function findingsOf(check: RootfsCheck, subject: RootfsSubject): Promise<Finding[]> {
  const findings = await check.run(subject, { signal: AbortSignal.timeout(120_000) });
  return findings.filter(({ status }) => status !== 'pass');
}

function checkOf({ check }: PlantedDefect): RootfsCheck {
  const found = rootfsChecks.find(({ id }) => id === check);
  if (!found) throw new Error(`there is no check ${check}`);
  return found;
}

/** Checks that read the same few files: their defects would hide each other. */
const bootChecks = new Set(['boot-files-present', 'initramfs-drivers', 'initramfs-generic', 'kernel-arguments', 'root-identity']);

/** Defects that can be in one image together: for each check one, and any number of those that only add a file. */
function rounds(): PlantedDefect[][] {
  const result: PlantedDefect[][] = [];
  const groupOf = ({ check, adds }: PlantedDefect): string | undefined => {
    if (adds) return undefined;
    return bootChecks.has(check) ? 'boot' : check;
  };
  for (const defect of plantedDefects) {
    const group = groupOf(defect);
    const round = result.find((defects) => group === undefined || defects.every((other) => groupOf(other) !== group));
    if (round) round.push(defect);
    else result.push([defect]);
  }
  return result;
}

describe.skipIf(skip)('a real image', () => {
  let real: BuiltImage;
  let image: PlantedImage;
  const found = new Map<PlantedDefect, Finding[]>();
  const clean = new Map<string, Finding[]>();
  const after = new Map<string, Finding[]>();

  /** Runs all checks on the copy as it is now. */
  async function passes(into: Map<string, Finding[]>): Promise<void> {
    await image.with([], async (opened) => {
      for (const check of rootfsChecks)
        into.set(check.id, await findingsOf(check, { ...opened, plan: real.plan, artifacts: {} }));
    });
  }

  beforeAll(async () => {
    real = await builtImage('debian-12');
    image = await plantedImage(real);
    await passes(clean);
    for (const round of rounds()) {
      await image.with(
        round.map(({ plant }) => plant),
        async (opened) => {
          for (const defect of round) {
            const plan = defect.plan?.(real.plan) ?? real.plan;
            found.set(defect, await findingsOf(checkOf(defect), { ...opened, plan, artifacts: {} }));
          }
        },
      );
    }
    await passes(after);
  }, 1_500_000);
  afterAll(async () => {
    await image?.remove();
    await removeBuiltImages();
  });

  test.each(rootfsChecks.map(({ id }) => id))('passes %s, before and after', (id) => {
    expect(clean.get(id)).toEqual([]);
    expect(after.get(id)).toEqual([]);
  });

  test.each(plantedDefects.map((defect) => [defect.check, defect.names, defect] as const))(
    'with a defect fails %s: %s',
    (_check, names, defect) => {
      const failed = (found.get(defect) ?? []).filter(({ status }) => status === 'fail');
      expect(failed.map(({ message }) => message).join('\n')).toContain(names);
    },
  );
});
