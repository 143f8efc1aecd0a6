import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { debian } from '../../src/distros/debian.ts';
import type { Distro } from '../../src/model/distro.ts';
import type { AppError } from '../../src/util/errors.ts';
import { AppError as AnyAppError } from '../../src/util/errors.ts';

/** A folder with these files, which the end of the test removes. */
export function folderOf(files: Record<string, string | Uint8Array>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'gabarit-definitions-')));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** The day on which the tests judge waivers and releases. */
export const now = new Date('2026-11-23T12:00:00Z');

/** A distribution with releases of all ages, of which nothing can be built. */
export const distro: Distro = {
  ...debian,
  bootstrap: () => {
    throw new Error('definitions are read without it');
  },
};

/** The AppError that a promise is rejected with; anything else fails the test. */
export async function appErrorOf(promise: Promise<unknown>): Promise<AppError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof AnyAppError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
