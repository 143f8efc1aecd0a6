import { median, type Results } from './results.ts';

/** A promise with its figure; NaN when it was not measured. */
export interface Bar {
  title: string;
  value: number;
  limit: number;
  /** A ratio, seconds, or bytes. */
  unit: 'x' | 's' | 'bytes';
  /** Whether the limit itself is already too much. */
  strict?: boolean;
}

const mebibyte = 2 ** 20;

/** What Gabarit promises about its speed and size, beside what this run measured. */
export function bars(results: Results): Bar[] {
  const cold = results.seconds('cold');
  const against = (name: string): number => cold / results.seconds(name);
  const size = (name: string): number => median(results.of(name).map((sample) => sample.size ?? NaN));
  const memory = Math.max(...results.of('cold').map((sample) => sample.memory?.tree ?? NaN));
  return [
    { title: 'cold, against mmdebstrap', value: against('mmdebstrap'), limit: 0.45, unit: 'x' },
    { title: 'cold, against vmdb2', value: against('vmdb2'), limit: 0.4, unit: 'x' },
    { title: 'cold, against mkosi', value: against('mkosi'), limit: 0.4, unit: 'x' },
    { title: 'only a script changed, to the artifact', value: results.seconds('hot'), limit: 5, unit: 's' },
    { title: 'only a script changed, against cold', value: results.seconds('hot') / cold, limit: 0.15, unit: 'x' },
    { title: 'nothing changed, whole command', value: results.totalSeconds('unchanged'), limit: 1, unit: 's', strict: true },
    {
      title: 'minimal cold, against mmdebstrap of the full set',
      value: results.seconds('minimal') / results.seconds('mmdebstrap'),
      limit: 0.3,
      unit: 'x',
    },
    {
      title: 'two side by side, nothing in common, against one',
      value: results.seconds('pair') / cold,
      limit: 1.7,
      unit: 'x',
      strict: true,
    },
    {
      title: 'two side by side, on the same base, against one',
      value: results.seconds('siblings') / cold,
      limit: 1.7,
      unit: 'x',
      strict: true,
    },
    { title: 'size of the full qcow2', value: size('cold'), limit: 280 * mebibyte, unit: 'bytes' },
    { title: 'size of the minimal qcow2', value: size('minimal'), limit: 125 * mebibyte, unit: 'bytes' },
    {
      title: 'memory of a cold build, all processes',
      value: Number.isFinite(memory) ? memory : NaN,
      limit: 1024 * mebibyte,
      unit: 'bytes',
    },
  ];
}
