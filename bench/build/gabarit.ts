import { join } from 'node:path';
import { z } from 'zod';
import { exec } from '../../src/util/exec.ts';
import { type Memory, watchMemory } from './memory.ts';

const launcher = new URL('../../gabarit', import.meta.url).pathname;

/** What one `gabarit build` took. */
export interface Measured {
  /** Wall seconds until the artifact was finished: before the checks and the manifest. */
  artifactSeconds: number;
  /** Wall seconds of the whole command. */
  totalSeconds: number;
  /** Bytes of the artifact. */
  size: number;
  /** Wall seconds by step; what was reused is absent. Together they are the whole command. */
  steps: [string, number][];
  memory: Memory;
}

export interface Folders {
  /** The folder that the command runs in: its `templates/` is looked at first. */
  work: string;
  cache: string;
  out: string;
}

const eventSchema = z.looseObject({ type: z.string(), step: z.string().optional(), durationMs: z.number().optional() });
const resultSchema = z.looseObject({
  results: z.array(
    z.looseObject({
      outcome: z.string(),
      seconds: z.array(z.tuple([z.string(), z.number()])),
      artifacts: z.array(z.looseObject({ size: z.number() })),
    }),
  ),
});

/** Builds one template, as a person would, and takes the time. */
export async function gabaritBuild(template: string, folders: Folders, signal: AbortSignal): Promise<Measured> {
  const started = performance.now();
  const seconds = (): number => (performance.now() - started) / 1000;
  let artifactSeconds: number | undefined;
  let planSeconds = 0;
  let result: z.output<typeof resultSchema>['results'][number] | undefined;
  const memory = watchMemory();
  try {
    await exec([launcher, 'build', template, '--json'], {
      cwd: folders.work,
      env: environment(folders),
      signal,
      timeoutMs: 15 * 60_000,
      stdout: 'lines',
      onLine(line, stream) {
        if (stream !== 'stdout') return;
        const value: unknown = JSON.parse(line);
        const event = eventSchema.parse(value);
        if (event.type === 'step.finished' && event.step === 'convert') artifactSeconds = seconds();
        // What the build itself counts begins after the plan.
        if (event.type === 'step.finished' && event.step === 'plan') planSeconds = (event.durationMs ?? 0) / 1000;
        if (event.type === 'result') result = resultSchema.parse(value).results[0];
      },
    });
  } finally {
    memory.stop();
  }
  const totalSeconds = seconds();
  if (result === undefined) throw new Error(`gabarit build ${template} gave no result`);
  const steps: [string, number][] = [['plan', planSeconds], ...result.seconds];
  const rest = totalSeconds - steps.reduce((sum, [, value]) => sum + value, 0);
  return {
    artifactSeconds: artifactSeconds ?? totalSeconds,
    totalSeconds,
    size: result.artifacts[0]?.size ?? 0,
    steps: [...steps, ['start, end and what no step counts', rest]],
    memory: memory.peak,
  };
}

/** The plan of a template, as JSON. */
export async function gabaritPlan(template: string, folders: Folders, signal: AbortSignal): Promise<unknown> {
  const { stdout } = await exec([launcher, 'plan', template, '--json'], {
    cwd: folders.work,
    env: environment(folders),
    signal,
  });
  return JSON.parse(stdout);
}

function environment(folders: Folders): Record<string, string> {
  return {
    GABARIT_CACHE: folders.cache,
    GABARIT_OUT: folders.out,
    // The very Node that runs the benchmark.
    PATH: `${join(process.execPath, '..')}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
  };
}
