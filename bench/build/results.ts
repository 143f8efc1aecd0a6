import { AppError } from '../../src/util/errors.ts';
import type { Memory } from './memory.ts';

/** What one run took. */
export interface Sample {
  /** Wall seconds until the artifact was finished. */
  seconds: number;
  /** Wall seconds of the whole command, when it does more than that. */
  totalSeconds?: number;
  /** Bytes of the artifact. */
  size?: number;
  steps?: [string, number][];
  memory?: Memory;
}

/** The middle one of an odd number of values, the mean of the two in the middle of an even number. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}

/** All samples by what was measured, and why some are missing. */
export class Results {
  readonly samples = new Map<string, Sample[]>();
  readonly missing = new Map<string, string>();
  failures = 0;
  readonly #say: (line: string) => void;

  /** `say` gets a line for everything that is measured or fails, as it happens. */
  constructor(say: (line: string) => void = () => undefined) {
    this.#say = say;
  }

  add(name: string, sample: Sample): void {
    this.samples.set(name, [...this.of(name), sample]);
    const steps = (sample.steps ?? []).map(([step, seconds]) => `${step} ${seconds.toFixed(1)}`).join(', ');
    this.#say(`${name}: ${sample.seconds.toFixed(1)} s${steps === '' ? '' : ` (${steps})`}`);
  }

  of(name: string): Sample[] {
    return this.samples.get(name) ?? [];
  }

  skip(name: string, reason: string): void {
    if (this.of(name).length === 0) this.missing.set(name, reason);
  }

  fail(name: string, error: unknown): void {
    this.failures += 1;
    const reason = error instanceof Error ? error.message : String(error);
    // Whose mirror it is concerns nobody.
    this.missing.set(name, `failed: ${reason.replaceAll(/https?:\/\/[^/\s]+/g, "the host's mirror")}`);
    const lines = error instanceof AppError ? error.details['lastLines'] : undefined;
    this.#say(`${name}: failed: ${reason}${Array.isArray(lines) ? `\n  ${lines.join('\n  ')}` : ''}`);
  }

  /** The median of the wall seconds until the artifact; NaN when it was not measured. */
  seconds(name: string): number {
    return median(this.of(name).map(({ seconds }) => seconds));
  }

  /** The median of the wall seconds of the whole command. */
  totalSeconds(name: string): number {
    return median(this.of(name).map(({ seconds, totalSeconds }) => totalSeconds ?? seconds));
  }
}
