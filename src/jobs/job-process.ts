import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobError, JobResult } from '../model/job.ts';
import { AppError, toAppError } from '../util/errors.ts';
import { killGroup, start } from '../util/exec.ts';
import { redact } from '../util/redact.ts';
import { retry } from '../util/retry.ts';
import type { JobAnswer, JobQuestion, JobOrder } from './job-protocol.ts';
import { keepPictures } from './job-pictures.ts';
import { jobFolder, openJobLog, type LogPlace } from './job-log.ts';
import { openMilestones } from './milestones.ts';
import { killTree, processStart } from './process-tree.ts';
import { claimVersion, type Held, keepPlan, permitPublication } from './take-job.ts';

/** One attempt in a process group of its own: a build that crashes takes nothing else with it, and one that is cancelled ends whole. */

export interface ProcessPlace extends LogPlace {
  /** How a job is carried out: the command line of `gabarit run-job`. */
  command: readonly string[];
  environment: Readonly<Record<string, string>>;
}

export interface ProcessEnd {
  result?: JobResult;
  error?: JobError;
  /** How it ended, when it said neither. */
  died?: string;
}

/** How long it may take to clean up before it is killed. */
const politeMs = 3000;

/** Runs until the process has ended, by itself or by the signal, and all that it said is in the log and the database. */
export async function runJobProcess(held: Held, place: ProcessPlace, signal: AbortSignal): Promise<ProcessEnd> {
  const { job, attempt } = held;
  const log = await openJobLog(place, job.id, attempt);
  const milestones = openMilestones(place.db, held);
  const consoles = join(place.stateDir, 'consoles', job.id);
  const pictures = keepPictures(consoles, place.stateDir, job.id);
  const child = start(place.command, {
    env: {
      // Half of what a small job costs would be compiling the program again.
      NODE_COMPILE_CACHE: join(place.stateDir, 'compile-cache'),
      ...place.environment,
      GABARIT_CONSOLES: consoles,
    },
  });
  const noted = join(jobFolder(place.stateDir, job.id), `${attempt}.process.json`);
  let killing: Promise<void> | undefined;
  const onAbort = (): void => void (killing ??= endTree(child));
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  const end: ProcessEnd = {};
  const stderr: string[] = [];
  try {
    const closed = new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, by) => resolve(by === null ? `exit code ${code}` : by));
    });
    child.stdin?.on('error', () => undefined);
    if (child.pid !== undefined) {
      await note(noted, child.pid);
    }
    // What is no event carries no time of its own.
    const keep = (message: object): void => log.write(JSON.stringify({ time: new Date().toISOString(), ...message }));
    const say = (message: JobOrder | JobAnswer): void => void child.stdin?.write(`${JSON.stringify(message)}\n`);
    const onLine = (line: string): void => {
      const message = messageOf(line);
      if (message.type === 'ask') {
        const question = message as unknown as JobQuestion;
        void answer(held, question, place, signal).then((reply) => say({ type: 'answer', number: question.number, ...reply }));
      } else {
        keep(message);
        if (message.type === 'result') end.result = message['result'] as JobResult;
        else if (message.type === 'error') end.error = message as unknown as JobError;
        else milestones.add(message);
      }
    };
    if (child.stdout) createInterface({ input: child.stdout }).on('line', onLine);
    if (child.stderr) {
      createInterface({ input: child.stderr }).on('line', (line) => {
        if (stderr.push(redact(line)) > 30) stderr.shift();
        keep({ type: 'log', level: 'error', source: 'stderr', message: redact(line) });
      });
    }
    say({ type: 'job', job, attempt, plan: held.plan, retryFrom: held.retryFrom });
    const how = await closed;
    await killing;
    if (!end.result && !end.error) end.died = [how, ...stderr.slice(-3)].join(': ');
    return end;
  } finally {
    signal.removeEventListener('abort', onAbort);
    await killing;
    await pictures.close();
    await rm(noted, { force: true });
    await rm(consoles, { recursive: true, force: true });
    await milestones.close();
    await log.close();
  }
}

/** First it is asked, so that it cleans up; then all that is left of it is killed, wherever it may have gone. */
async function endTree(child: ReturnType<typeof start>): Promise<void> {
  child.stdin?.end();
  const { pid } = child;
  if (pid === undefined) return;
  const late = new AbortController();
  const force = sleep(politeMs, undefined, { signal: late.signal }).then(
    () => killTree(pid),
    () => undefined,
  );
  await killGroup(child, politeMs + 500);
  late.abort();
  await force;
}

function messageOf(line: string): { type: string; [key: string]: unknown } {
  try {
    const value = JSON.parse(line) as { type?: unknown } | null;
    if (typeof value?.type === 'string') return value as { type: string };
  } catch {
    // Something printed to standard output past the events.
  }
  return { type: 'log', level: 'info', source: 'stdout', message: redact(line) };
}

/** Decides what the process may not decide by itself. The database may be away for a while: it waits, and so does the job. */
async function answer(
  held: Held,
  question: JobQuestion,
  { db }: ProcessPlace,
  signal: AbortSignal,
): Promise<{ value?: unknown; error?: JobError }> {
  const decide = async (): Promise<unknown> => {
    if (question.ask === 'planned') return keepPlan(db, held, question.plan);
    if (question.ask === 'version') return claimVersion(db, held, question.template, question.suggested);
    return permitPublication(db, held);
  };
  try {
    return { value: await retry(decide, { attempts: 1000, delayMs: 200, maxDelayMs: 2000, signal }) };
  } catch (error) {
    const { code, message, hint } = toAppError(error, 'DATABASE_FAILED', 'The queue does not answer');
    return { error: { code, message, ...(hint === undefined ? {} : { hint }) } };
  }
}

/** What is written down beside the log of an attempt as long as its process runs. */
interface NotedProcess {
  pid: number;
  start?: string;
  worker: { pid: number; start?: string };
}

async function note(path: string, pid: number): Promise<void> {
  const identify = async (of: number): Promise<NotedProcess['worker']> => {
    const began = await processStart(of);
    return { pid: of, ...(began === undefined ? {} : { start: began }) };
  };
  const noted: NotedProcess = { ...(await identify(pid)), worker: await identify(process.pid) };
  await writeFile(path, JSON.stringify(noted));
}

/** How long a process may take to end that sees its worker gone. */
const orphanMs = 5000;

/** Ends what is left of attempts whose worker was killed: their processes end by themselves, but may hang. */
export async function sweepProcesses(stateDir: string): Promise<number> {
  let swept = 0;
  const jobs = await readdir(join(stateDir, 'jobs')).catch(() => [] as string[]);
  for (const job of jobs) {
    for (const name of await readdir(jobFolder(stateDir, job)).catch(() => [] as string[])) {
      if (!name.endsWith('.process.json')) continue;
      const path = join(jobFolder(stateDir, job), name);
      const noted = JSON.parse((await readFile(path, 'utf8').catch(() => '')) || '{}') as Partial<NotedProcess>;
      if (await isSame(noted.worker)) continue;
      for (const since = performance.now(); (await isSame(noted)) && performance.now() - since < orphanMs; ) await sleep(100);
      if (noted.pid !== undefined && (await isSame(noted))) {
        await killTree(noted.pid);
        swept += 1;
      }
      await rm(path, { force: true });
    }
  }
  return swept;
}

async function isSame(noted: { pid?: number; start?: string } | undefined): Promise<boolean> {
  return noted?.pid !== undefined && noted.start !== undefined && (await processStart(noted.pid)) === noted.start;
}

/** What an attempt that was cut short is called. */
export function tooLong(minutes: number): JobError {
  const { code, message, hint } = new AppError('TIMEOUT', `The job did not end within ${minutes} minutes`, {
    hint: 'Ask for more time (timeoutMinutes), or look in its log where it stood still.',
  });
  return { code, message, ...(hint === undefined ? {} : { hint }) };
}
