import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KeySet, KeyStatus } from '../model/key-set.ts';
import { newSigningKey } from '../model/signing-key.ts';
import { acceptIndex } from './index-memory.ts';

const now = new Date('2026-11-25T10:00:00Z');
const [a, b] = [newSigningKey('a', now), newSigningKey('b', now)];
const day = 24 * 3600 * 1000;
const after = (days: number): Date => new Date(now.getTime() + days * day);

function keys(statusOfA: KeyStatus): KeySet {
  const since = now.toISOString();
  return {
    schema: 'gabarit.keys/1',
    catalog: '6f0f4a4e-5b0e-4a7c-9a59-0d6e8f6f7a01',
    version: 1,
    created: since,
    expires: after(365).toISOString(),
    keys: [
      { key: a.public, status: statusOfA, since },
      { key: b.public, status: 'active', since },
    ],
  };
}

let stateDir = '';
beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'memory-'));
});
afterEach(() => rm(stateDir, { recursive: true }));

interface Shown {
  sequence: number;
  days?: number;
  template?: string;
  content?: string;
  by?: string;
  status?: KeyStatus;
  at?: Date;
  purpose?: 'read' | 'change';
}

/** Shows an index to a reader; its code when it is refused. */
async function show(shown: Shown): Promise<string> {
  const {
    sequence,
    days = 30,
    template = 'debian-12',
    content = '1',
    by = a.public.id,
    status = 'active',
    at = now,
    purpose = 'read',
  } = shown;
  const read = { digest: `sha256:${content.repeat(64)}`, signedBy: [by], purpose };
  const index = { template, sequence, expires: after(days).toISOString() };
  try {
    await acceptIndex(index, read, { stateDir, url: 'memory:', keys: keys(status), now: at });
    return 'accepted';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('roll-back', () => {
  test('is refused; the same again and newer ones are not', async () => {
    expect(await show({ sequence: 5 })).toBe('accepted');
    expect(await show({ sequence: 5 })).toBe('accepted');
    expect(await show({ sequence: 4 })).toBe('CATALOG_ROLLED_BACK');
    expect(await show({ sequence: 7, content: '2' })).toBe('accepted');
    expect(await show({ sequence: 6, content: '3' })).toBe('CATALOG_ROLLED_BACK');
    expect(await show({ sequence: 5 })).toBe('CATALOG_ROLLED_BACK');
  });

  test('is refused to a publisher, too, who would give an old index a new number', async () => {
    expect(await show({ sequence: 5 })).toBe('accepted');
    expect(await show({ sequence: 4, purpose: 'change' })).toBe('CATALOG_ROLLED_BACK');
  });

  test('is known from what a publisher wrote himself', async () => {
    expect(await show({ sequence: 5, purpose: 'change' })).toBe('accepted');
    expect(await show({ sequence: 4 })).toBe('CATALOG_ROLLED_BACK');
  });

  test('concerns each template by itself', async () => {
    expect(await show({ sequence: 5 })).toBe('accepted');
    expect(await show({ sequence: 1, template: 'debian-13' })).toBe('accepted');
    expect(await show({ sequence: 1, template: '__proto__' })).toBe('accepted');
    expect(await show({ sequence: 4 })).toBe('CATALOG_ROLLED_BACK');
  });

  test('to another index with the same number is refused', async () => {
    expect(await show({ sequence: 5 })).toBe('accepted');
    expect(await show({ sequence: 5, content: '2' })).toBe('CATALOG_ROLLED_BACK');
  });
});

describe('freeze', () => {
  test('is refused when the index has expired, but not to who renews it', async () => {
    expect(await show({ sequence: 5, at: after(29) })).toBe('accepted');
    expect(await show({ sequence: 5, at: after(31) })).toBe('CATALOG_EXPIRED');
    expect(await show({ sequence: 5, at: after(31), purpose: 'change' })).toBe('accepted');
    expect(await show({ sequence: 6, content: '2', days: 61, at: after(31) })).toBe('accepted');
  });

  test('is not made good by a clock that was put back', async () => {
    expect(await show({ sequence: 5, days: 90, at: after(60) })).toBe('accepted');
    expect(await show({ sequence: 1, days: 30, at: after(0), template: 'debian-13' })).toBe('CATALOG_EXPIRED');
  });
});

describe('a stolen key that counted ahead', () => {
  test('keeps nobody from the truth once it is revoked', async () => {
    expect(await show({ sequence: 2 ** 50 })).toBe('accepted');
    expect(await show({ sequence: 6, by: b.public.id, content: '2' })).toBe('CATALOG_ROLLED_BACK');
    expect(await show({ sequence: 6, by: b.public.id, content: '2', status: 'revoked' })).toBe('accepted');
    expect(await show({ sequence: 5, by: b.public.id, content: '3', status: 'revoked' })).toBe('CATALOG_ROLLED_BACK');
  });

  test('that was only retired is still counted', async () => {
    expect(await show({ sequence: 8 })).toBe('accepted');
    expect(await show({ sequence: 6, by: b.public.id, content: '2', status: 'retired' })).toBe('CATALOG_ROLLED_BACK');
  });
});
