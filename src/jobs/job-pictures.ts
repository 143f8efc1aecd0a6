import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openRfb } from '../clients/rfb/open.ts';
import { encodePng } from '../clients/rfb/png.ts';
import { digestOf } from '../util/digest.ts';
import { AppError, errnoOf } from '../util/errors.ts';
import { jobFolder } from './job-log.ts';

/**
 * Pictures of the screens of a job's machines, for whoever looks later: one whenever a screen has changed. They lie beside the log of the job
 * on the host that ran it, and go with it.
 */

export interface JobPicture {
  /** Its file: `clone-a.1795656000000.png`. */
  name: string;
  machine: string;
  time: string;
}

const everyMs = 4000;
/** Of one job; a text console that scrolls for an hour is not worth more. */
const most = 300;
const ending = '.vnc';
const known = /^([a-z0-9][a-z0-9._-]*)\.(\d{13})\.png$/;

function picturesFolder(stateDir: string, job: string): string {
  return join(jobFolder(stateDir, job), 'pictures');
}

/** Keeps pictures of all screens that have a socket in a folder, until it is closed. */
export function keepPictures(consoles: string, stateDir: string, job: string): { close(): Promise<void> } {
  const folder = picturesFolder(stateDir, job);
  const closing = new AbortController();
  const { signal } = closing;
  const last = new Map<string, string>();
  let kept = 0;

  async function look(machine: string): Promise<void> {
    const rfb = await openRfb(await dial(join(consoles, machine + ending)), { signal, timeoutMs: 5000 });
    try {
      const png = encodePng(await rfb.capture());
      const digest = digestOf(png);
      if (last.get(machine) === digest) return;
      last.set(machine, digest);
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, `${machine}.${Date.now()}.png`), png);
      kept += 1;
    } finally {
      rfb.close();
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted && kept < most) {
      // A machine that has just ended, or does not draw yet, is looked at next time. A full disk takes the pictures, not the job; nor does
      // a folder that cannot be read.
      for (const machine of await machinesIn(consoles).catch(() => [])) await look(machine).catch(() => undefined);
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  const running = run();
  return {
    async close() {
      closing.abort();
      await running;
    },
  };
}

/** The oldest first. None when another host ran the job. */
export async function listPictures(stateDir: string, job: string): Promise<JobPicture[]> {
  const names = await readdir(picturesFolder(stateDir, job)).catch(orNothing);
  return names
    .flatMap((name): JobPicture[] => {
      const [, machine, ms] = known.exec(name) ?? [];
      return machine === undefined ? [] : [{ name, machine, time: new Date(Number(ms)).toISOString() }];
    })
    .toSorted((a, b) => (a.time < b.time ? -1 : 1));
}

/** A PNG. @throws AppError NOT_FOUND */
export async function readPicture(stateDir: string, job: string, name: string): Promise<Buffer> {
  // Only what is in the list: names come from outside.
  if ((await listPictures(stateDir, job)).some((picture) => picture.name === name))
    return readFile(join(picturesFolder(stateDir, job), name));
  throw new AppError('NOT_FOUND', `Job ${job} has no picture ${name}`);
}

async function machinesIn(consoles: string): Promise<string[]> {
  const names = await readdir(consoles).catch(orNothing);
  return names.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length));
}

async function dial(path: string): Promise<Socket> {
  const socket = connect(path);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return socket;
}

function orNothing(error: unknown): string[] {
  if (errnoOf(error) === 'ENOENT') return [];
  throw error;
}
