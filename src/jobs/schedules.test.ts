import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Schedule } from '../model/job.ts';
import { type Database, openDatabase } from './database.ts';
import { openJobs } from './queue.ts';
import { fireSchedules, nextRuns, openSchedules } from './schedules.ts';
import { claimVersion, endAttempt, type Held, keepPlan, takeJob } from './take-job.ts';
import { registerWorker } from './workers.ts';

let folder: string;
let db: Database;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'schedules-'));
  db = await openDatabase({ folder });
});

beforeEach(async () => {
  await db.execute('DELETE FROM schedules; DELETE FROM jobs; DELETE FROM workers;');
});

afterAll(async () => {
  await db.close();
  await rm(folder, { recursive: true });
});

const nightly: Schedule = {
  id: 'nightly',
  cron: '30 2 * * *',
  timezone: 'UTC',
  request: { kind: 'build', template: 'web' },
  requestedBy: 'ann',
  priority: 0,
  labels: [],
  enabled: true,
};

/** Puts the schedule as if it had been made at this time. */
async function put(schedule: Schedule, made: string): Promise<void> {
  await openSchedules(db).put(schedule);
  await db.query('UPDATE schedules SET next = $1', [nextRuns(schedule.cron, schedule.timezone, 1, new Date(made))[0]]);
}

/** Fires at a time, and lets the job end at once. */
async function fireAt(time: string): Promise<number> {
  const fired = await fireSchedules(db, new Date(time));
  await db.query(`UPDATE jobs SET state = 'done' WHERE state = 'queued'`);
  return fired.length;
}

test('what was due several times while nobody looked is one run, and two servers make one of it', async () => {
  await put(nightly, '2026-11-01T00:00:00Z');
  const later = new Date('2026-11-25T12:00:00Z');
  const both = await Promise.all([fireSchedules(db, later), fireSchedules(db, later), fireSchedules(db, later)]);
  expect(both.flat()).toHaveLength(1);
  expect(await openSchedules(db).get('nightly')).toMatchObject({ next: '2026-11-26T02:30:00.000Z', lastJob: both.flat()[0] });
  expect(await openJobs(db).list({ schedule: 'nightly' })).toHaveLength(1);
});

test('a clock that goes back an hour makes it due no second time', async () => {
  await put(nightly, '2026-11-24T12:00:00Z');
  expect(await fireAt('2026-11-25T02:30:05Z')).toBe(1);
  expect(await fireAt('2026-11-25T01:30:05Z')).toBe(0);
  expect(await fireAt('2026-11-25T02:30:06Z')).toBe(0);
  expect(await fireAt('2026-11-26T02:30:01Z')).toBe(1);
});

test('a clock that jumps 400 days ahead and comes back makes one run too many, and leaves nothing waiting for years', async () => {
  await put(nightly, '2026-11-24T12:00:00Z');
  expect(await fireAt('2027-12-30T10:00:00Z')).toBe(1);
  expect(await fireAt('2026-11-25T02:00:00Z')).toBe(0);
  expect(await fireAt('2026-11-25T02:30:01Z')).toBe(1);
  expect(await fireAt('2026-11-25T03:30:01Z')).toBe(0);
  expect(await fireAt('2026-11-26T02:31:00Z')).toBe(1);
});

test('a clock that jumps one hour ahead runs it once that day', async () => {
  await put(nightly, '2026-11-24T12:00:00Z');
  expect(await fireAt('2026-11-25T01:45:00Z')).toBe(0);
  expect(await fireAt('2026-11-25T02:45:00Z')).toBe(1);
  expect(await fireAt('2026-11-25T01:46:00Z')).toBe(0);
  expect(await fireAt('2026-11-25T02:30:30Z')).toBe(0);
});

test('one that is off is not due; a wrong expression is refused with a hint', async () => {
  await put({ ...nightly, enabled: false }, '2026-11-01T00:00:00Z');
  expect(await fireAt('2026-11-25T12:00:00Z')).toBe(0);
  await expect(openSchedules(db).put({ ...nightly, cron: '61 * * * *' })).rejects.toMatchObject({ code: 'USAGE' });
  await expect(openSchedules(db).put({ ...nightly, timezone: 'Mars/Base' })).rejects.toMatchObject({ code: 'USAGE' });
  await openSchedules(db).remove('nightly');
  await expect(openSchedules(db).remove('nightly')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('a rebuild is skipped when the plan is that of the last build, and a version belongs to one job for all its attempts', async () => {
  const worker = await registerWorker(db, { labels: [], concurrency: 1, version: '0' });
  const take = async (): Promise<Held> => {
    const request = { ...nightly.request, onlyIfChanged: true } as Schedule['request'];
    await openJobs(db).enqueue(request, { requestedBy: 'ann' });
    const held = await takeJob(db, { id: worker, labels: [], full: [] });
    if (!held) throw new Error('nothing to take');
    return held;
  };
  const first = await take();
  expect(await keepPlan(db, first, { id: 'sha256:a' })).toBeUndefined();
  expect(await claimVersion(db, first, 'web', '20261125.1')).toBe('20261125.1');
  expect(await claimVersion(db, first, 'web', '20261125.7')).toBe('20261125.1');
  await endAttempt(db, first, { state: 'done', result: { outcome: 'done', version: '20261125.1' } });
  const second = await take();
  expect(await keepPlan(db, second, { id: 'sha256:a' })).toEqual({ outcome: 'unchanged', version: '20261125.1' });
  await endAttempt(db, second, { state: 'done', result: { outcome: 'unchanged', version: '20261125.1' } });
  const third = await take();
  expect(await keepPlan(db, third, { id: 'sha256:b' })).toBeUndefined();
  expect(await claimVersion(db, third, 'web', '20261125.1')).toBe('20261125.2');
  await endAttempt(db, third, { state: 'cancelled' });
  await expect(claimVersion(db, third, 'web', '20261125.1')).rejects.toMatchObject({ code: 'FENCED' });
  await expect(keepPlan(db, third, { id: 'sha256:b' })).rejects.toMatchObject({ code: 'FENCED' });
});
