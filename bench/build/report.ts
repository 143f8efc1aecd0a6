import { markdownTable } from '../markdown.ts';
import { bars } from './bars.ts';
import type { Machine } from './machine.ts';
import type { Results, Sample } from './results.ts';

export interface Report {
  /** The line that was run. */
  command: string;
  machine: Machine;
  packages: { size: number; role: string }[];
  /** Each peer's description by its name. */
  peers: Map<string, string>;
  results: Results;
}

/** The whole result as Markdown; the terminal shows the same. */
export function renderReport(report: Report): string {
  const { machine, results, command } = report;
  const image = report.packages.filter(({ role }) => role === 'image');
  const bytes = report.packages.reduce((sum, { size }) => sum + size, 0);
  const paragraphs = [
    ...(machine.quiet ? [] : [`**Not clean: the load was ${machine.load.toFixed(1)} at the start, so somebody else was busy.**`]),
    `\`${command}\`, ${new Date().toISOString().slice(0, 10)}: ${machine.cores} cores (${machine.processor}), ${machine.memoryGiB} GiB of memory, work on ${machine.fileSystem}, Linux ${machine.kernel}, Node ${machine.node}, load ${machine.load.toFixed(1)} at the start. ${image.length} packages, ${mebibytes(bytes)}, from the host's mirror.`,
    timeTable(report),
    [...results.missing].map(([name, reason]) => `- Not measured: ${name}: ${reason}`).join('\n'),
    barTable(results),
    stepTable(results),
  ];
  return paragraphs.filter((paragraph) => paragraph !== '').join('\n\n');
}

function timeTable({ results, peers }: Report): string {
  const described: [string, string][] = [
    ['mmdebstrap', peers.get('mmdebstrap') ?? ''],
    ['cold', 'Gabarit, cold: qcow2, BIOS + UEFI'],
    ['cached', 'Gabarit, packages in the cache'],
    ['hot', 'Gabarit, only a script changed'],
    ['unchanged', 'Gabarit, nothing changed'],
    ['minimal', 'Gabarit, minimal, cold'],
    ['pair', 'Gabarit, two cold side by side, each with a cache of its own'],
    ['siblings', 'Gabarit, two templates on one base, cold, side by side'],
    ['vmdb2', peers.get('vmdb2') ?? ''],
    ['mkosi', peers.get('mkosi') ?? ''],
    ['diskimage-builder', peers.get('diskimage-builder') ?? ''],
  ];
  const floor = results.seconds('mmdebstrap');
  const rows = described
    .filter(([name]) => results.of(name).length > 0)
    .map(([name, title]) => {
      const samples = results.of(name);
      const all = samples.map(({ seconds }) => seconds);
      return [
        title,
        String(samples.length),
        decimals(Math.min(...all)),
        `**${decimals(results.seconds(name))}**`,
        decimals(Math.max(...all)),
        samples[0]?.totalSeconds === undefined ? '' : decimals(results.totalSeconds(name)),
        ratio(results.seconds(name) / floor),
        samples[0]?.size === undefined ? '' : mebibytes(samples[0].size),
      ];
    });
  return markdownTable(
    ['seconds until the artifact is finished', 'runs', 'min', 'median', 'max', 'with checks', 'to mmdebstrap', 'size'],
    rows,
  );
}

function barTable(results: Results): string {
  const rows = bars(results).map(({ title, value, limit, unit, strict }) => {
    const show = (figure: number): string =>
      unit === 'x' ? ratio(figure) : unit === 's' ? `${decimals(figure)}${Number.isNaN(figure) ? '' : ' s'}` : mebibytes(figure);
    const verdict = Number.isNaN(value) ? 'not measured' : (strict ? value < limit : value <= limit) ? 'holds' : '**missed**';
    return [title, show(value), `${strict ? '<' : '<='} ${show(limit)}`, verdict];
  });
  return markdownTable(['bar', 'measured', 'limit', ''], rows);
}

/** Where the time of a cold build goes, beside the same steps when the packages are in the cache. */
function stepTable(results: Results): string {
  const [cold, cached, hot] = ['cold', 'cached', 'hot'].map((name) => middleOf(results.of(name)));
  if (cold?.steps === undefined) return '';
  const of = (sample: Sample | undefined, step: string): string => {
    const seconds = sample?.steps?.find(([name]) => name === step)?.[1];
    return seconds === undefined ? '' : decimals(seconds);
  };
  const rows = cold.steps.map(([step]) => [step, of(cold, step), of(cached, step), of(hot, step)]);
  return markdownTable(['seconds by step, Gabarit', 'cold', 'cached', 'hot'], rows);
}

function middleOf(samples: Sample[]): Sample | undefined {
  return samples.toSorted((a, b) => a.seconds - b.seconds)[Math.floor((samples.length - 1) / 2)];
}

function decimals(seconds: number): string {
  return Number.isNaN(seconds) ? '' : seconds.toFixed(seconds < 10 ? 2 : 1);
}

function ratio(value: number): string {
  return Number.isNaN(value) ? '' : `${value.toFixed(2)}x`;
}

function mebibytes(bytes: number): string {
  return Number.isNaN(bytes) ? '' : `${(bytes / 2 ** 20).toFixed(bytes < 100 * 2 ** 20 ? 1 : 0)} MiB`;
}
