import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
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

/** A distribution with releases of all ages. */
export const distro: Distro = {
  id: 'debian',
  title: 'Debian',
  family: 'debian',
  releases: [
    { id: '11', codename: 'bullseye', title: 'Debian 11 "bullseye"', endOfLife: { full: '2024-08-14', lts: '2026-08-31' } },
    { id: '12', codename: 'bookworm', title: 'Debian 12 "bookworm"', endOfLife: { full: '2026-06-10', lts: '2028-06-30' } },
    { id: '13', codename: 'trixie', title: 'Debian 13 "trixie"', endOfLife: { full: '2028-08-09', lts: '2030-06-30' } },
  ],
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
