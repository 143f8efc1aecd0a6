import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createApp } from '../src/app.ts';
import { jobCommand } from '../src/cli/job-command.ts';
import type { Job } from '../src/model/job.ts';
import type { Jobs } from '../src/jobs/queue.ts';
import { writeOutputFolder } from './fakes/output-folder.ts';

/** A host of its own for jobs: folders, a signing key, a store, and small images to publish. */
export interface JobWorld {
  folder: string;
  stateDir: string;
  store: string;
  environment: Record<string, string>;
  /** How a worker of this world carries a job out: the real command line. */
  command: string[];
  /** Writes a small image, and returns its folder. */
  image(template: string, version: string): Promise<string>;
  remove(): Promise<void>;
}

export async function makeJobWorld(under = tmpdir()): Promise<JobWorld> {
  const folder = await mkdtemp(join(under, 'job-world-'));
  const stateDir = join(folder, 'state');
  const own: Record<string, string> = {
    HOME: folder,
    TMPDIR: folder,
    GABARIT_CACHE: join(folder, 'cache'),
    GABARIT_STATE: stateDir,
    GABARIT_KEYS: join(folder, 'keys'),
    GABARIT_OUT: join(folder, 'out'),
  };
  const { PATH = '' } = process.env;
  const { command, environment } = jobCommand({ color: false }, { PATH, ...own });
  await (await createApp({}, environment)).keys.make();
  return {
    folder,
    stateDir,
    store: `file:${join(folder, 'store')}`,
    environment,
    command,
    image: (template, version) => writeOutputFolder(join(folder, 'images'), template, version),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Waits until a job is as it should be. */
export async function until(jobs: Jobs, id: string, isSo: (job: Job) => boolean, timeoutMs = 30_000): Promise<Job> {
  for (const since = performance.now(); ; await sleep(50)) {
    const job = await jobs.get(id);
    if (isSo(job)) return job;
    if (performance.now() - since > timeoutMs) throw new Error(`job ${id} stays ${job.state}: ${JSON.stringify(job)}`);
  }
}

export function hasEnded({ state }: Job): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled';
}
