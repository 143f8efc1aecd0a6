import { setTimeout as sleep } from 'node:timers/promises';
import type { BuildMachine } from '../../model/machine.ts';
import type { StepContext } from '../../model/step.ts';
import { AppError } from '../../util/errors.ts';
import type { AnsweredInstaller } from '../shared/answers/answers.ts';
import { type Progress, progressText } from './phases/phase.ts';
import { readProgress, withoutBars } from './read-progress.ts';

export interface WatchLimits {
  /** A question that stands for so long waits for somebody. */
  questionMs: number;
  /** A machine that for so long wrote nothing, used no disk and hardly a processor, does not go on. */
  stallMs: number;
  /** One that is busy, but shows nothing for so long, does not either. */
  busyMs: number;
  /** No installation takes longer. */
  totalMs: number;
  pollMs: number;
}

/** Emulation is slow, but a stall is a stall: an idle processor is the same in both. */
export const watchLimits: Record<'kvm' | 'tcg', WatchLimits> = {
  kvm: { questionMs: 15_000, stallMs: 120_000, busyMs: 600_000, totalMs: 2 * 3_600_000, pollMs: 1000 },
  tcg: { questionMs: 30_000, stallMs: 120_000, busyMs: 1_200_000, totalMs: 8 * 3_600_000, pollMs: 1000 },
};

/** A machine that neither used nor wanted a processor for more than this share of the time counts as idle, however busy the host is. */
const idleShare = 0.6;

interface Watch {
  kind: AnsweredInstaller;
  machine: Pick<BuildMachine, 'console' | 'log' | 'ended' | 'diskActivity' | 'busySeconds' | 'keepEvidence'>;
  calls: readonly string[];
  limits: WatchLimits;
}

/**
 * Waits until an installer has done its work and switched the machine off; tells its phases as it goes.
 * @throws AppError BUILD_FAILED with the phase and the cause as soon as it is known, its logs and a screenshot kept in `details.files`
 */
export async function watchInstallation(watch: Watch, ctx: Pick<StepContext, 'emit' | 'signal'>): Promise<void> {
  const { kind, machine, calls, limits } = watch;
  const started = performance.now();
  let told = '';
  let seen = '';
  let changed = started;
  let idleSince = started;
  let questionSince: number | undefined;
  let last = { at: started, cpu: await machine.busySeconds() };
  for (;;) {
    ctx.signal.throwIfAborted();
    const progress = readProgress(kind, { console: machine.console.text(), log: machine.log.text(), calls });
    const text = progressText(progress);
    if (text !== told) {
      told = text;
      const { done = 0, total } = progress;
      ctx.emit({
        type: 'step.progress',
        step: 'install',
        done,
        ...(total === undefined ? {} : { total }),
        unit: 'items',
        note: text,
      });
    }
    const ended = machine.ended();
    if (ended !== undefined) {
      if (progress.phase === 'done') return;
      throw await failed(watch, progress, progress.failure?.cause ?? `the machine ended before the installation did (${ended})`);
    }
    const now = performance.now();
    const state = `${withoutBars(machine.console.text()).length} ${machine.log.text().length} ${await machine.diskActivity()} ${calls.length}`;
    if (state !== seen) [seen, changed] = [state, now];
    const cpu = await machine.busySeconds();
    const isIdle = cpu - last.cpu < ((now - last.at) / 1000) * idleShare;
    last = { at: now, cpu };
    if (!isIdle || state !== seen || changed === now) idleSince = now;
    questionSince = progress.question === undefined ? undefined : (questionSince ?? now);
    const cause = causeOf(
      progress,
      {
        question: questionSince === undefined ? 0 : now - questionSince,
        idle: now - idleSince,
        still: now - changed,
        all: now - started,
      },
      limits,
    );
    if (cause !== undefined) throw await failed(watch, progress, cause);
    await sleep(limits.pollMs, undefined, { signal: ctx.signal });
  }
}

/** Why it must be given up, or undefined. Milliseconds since a question stands, nothing is done, nothing is seen, it began. */
function causeOf(
  { failure, question }: Progress,
  since: { question: number; idle: number; still: number; all: number },
  limits: WatchLimits,
): string | undefined {
  // A failure may still be tried again; a question, a standstill or a while make it certain.
  if (failure && (since.question > 0 || since.still > limits.questionMs)) return failure.cause;
  if (question !== undefined && since.question >= limits.questionMs) return `it waits for an answer: ${question}`;
  const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
  if (since.idle >= limits.stallMs) return `it does nothing since ${seconds(since.idle)}`;
  if (since.still >= limits.busyMs) return `it shows nothing since ${seconds(since.still)}`;
  if (since.all >= limits.totalMs) return `it is not done after ${seconds(since.all)}`;
  return undefined;
}

async function failed({ machine, kind }: Watch, progress: Progress, cause: string): Promise<AppError> {
  const files = await machine.keepEvidence();
  const lines = (kind === 'debian-installer' ? machine.log : machine.console).text().trimEnd().split('\n');
  return new AppError('BUILD_FAILED', `The installer stopped while ${progressText(progress)}: ${cause}`, {
    hint: progress.failure?.hint ?? 'Its log and a screenshot were kept.',
    details: { files, phase: progress.phase, lastLines: lines.slice(-20) },
  });
}
