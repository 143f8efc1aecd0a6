import type { BuildResult } from '../../model/build.ts';
import { formatSize } from '../../model/size.ts';
import type { Style } from '../style.ts';
import { formatDuration, shortPath, table } from './words.ts';

/**
 * What stands at the end of `gabarit build`: what was made and where, how long each step took, and what to do next, with a
 * store of the configuration. Errors follow by themselves.
 */
export function buildSummary(results: readonly BuildResult[], style: Style, stores: readonly string[]): string {
  const [only] = results;
  const lines = results.length === 1 && only ? oneBuild(only, style) : severalBuilds(results, style);
  const next = nextCommands(results, stores[0] ?? 'file:/srv/templates');
  if (next.length > 0) lines.push('', 'Next:', ...next.map((command) => `  ${command}`));
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\n`;
}

function oneBuild(result: BuildResult, style: Style): string[] {
  if (!result.output || result.error) return [];
  const name = style.strong(`${result.template} ${result.version ?? ''}`.trim());
  const time = formatDuration(result.durationMs);
  const head = result.outcome === 'unchanged' ? `${name} is up to date (${time})` : `${name} built in ${time}`;
  const files = result.artifacts.map(({ name: file, size }) => [`  ${shortPath(result.output ?? '')}/${file}`, formatSize(size)]);
  return [head, ...timings(result.seconds, style), ...table(files, [1])];
}

/** The steps that took any time, the longest mattering most. */
function timings(seconds: BuildResult['seconds'], style: Style): string[] {
  const shown = seconds.filter(([, time]) => time >= 0.05);
  if (shown.length === 0) return [];
  return table(
    shown.map(([step, time]) => [`  ${step}`, formatDuration(time * 1000)]),
    [1],
  ).map((line) => style.faint(line));
}

function severalBuilds(results: readonly BuildResult[], style: Style): string[] {
  const rows = results.map(({ template, outcome, version, durationMs, artifacts, output }) => [
    template,
    outcome,
    version ?? '-',
    formatDuration(durationMs),
    artifacts.length > 0 ? formatSize(artifacts.reduce((sum, { size }) => sum + size, 0)) : '-',
    output === undefined ? '-' : shortPath(output),
  ]);
  const [head = '', ...lines] = table([['TEMPLATE', 'OUTCOME', 'VERSION', 'TIME', 'SIZE', 'FOLDER'], ...rows], [3, 4]);
  return [style.faint(head), ...lines.map((line, at) => paint(line, results[at], style))];
}

function paint(line: string, result: BuildResult | undefined, style: Style): string {
  if (result?.outcome === 'failed') return style.bad(line);
  return result?.outcome === 'cancelled' ? style.warning(line) : line;
}

function nextCommands(results: readonly BuildResult[], store: string): string[] {
  const made = results.filter(({ output, error }) => output !== undefined && !error);
  const [first] = made;
  if (!first?.output) return [];
  const folder = shortPath(first.output);
  const isUnsigned = made.some(({ outcome, signedBy }) => outcome === 'done' && signedBy === undefined);
  return [
    `gabarit verify ${folder}`,
    // Once on each machine that publishes.
    ...(isUnsigned ? ['gabarit key new'] : []),
    `gabarit publish ${folder} --store ${store}`,
  ];
}
