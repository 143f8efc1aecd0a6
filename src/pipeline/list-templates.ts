import type { TemplateSummary } from '../model/build.ts';
import { findRelease } from '../model/distro.ts';
import { AppError } from '../util/errors.ts';
import { type LoadOptions, loadTemplate } from './load.ts';
import { definitionsIn } from './load-file.ts';

/**
 * All definitions in the folders, sorted by name; of several with one name, that of the first folder. Those that are only a base
 * for others are left out; a broken one is listed with its `error` and hides no other.
 */
export async function listTemplates(options: LoadOptions): Promise<TemplateSummary[]> {
  const files = new Map<string, string>();
  for (const folder of options.folders) {
    for (const { name, file } of await definitionsIn(folder)) if (!files.has(name)) files.set(name, file);
  }
  const summaries: TemplateSummary[] = [];
  for (const [name, file] of [...files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const summary = await summarize(name, file, options);
    if (summary) summaries.push(summary);
  }
  return summaries;
}

async function summarize(name: string, file: string, options: LoadOptions): Promise<TemplateSummary | undefined> {
  try {
    // A list tells what is sound; what cannot be made, and why, is said when it is asked for.
    const engines = options.engines?.map(({ id, options: schema }) => ({ id, options: schema }));
    const { template, warnings } = await loadTemplate(file, {
      ...options,
      ...(engines ? { engines } : {}),
      allowEndOfLife: true,
    });
    const { description, distro, release, platforms, formats } = template;
    const known = options.distros.find(({ id }) => id === distro);
    const os = (known && findRelease(known, release)?.title) ?? `${distro} ${release}`;
    const [warning] = warnings;
    return {
      name,
      file,
      description,
      distro,
      release,
      os,
      platforms,
      formats,
      ...(warning === undefined ? {} : { warning: warning.message.replace(/^release: /, '') }),
    };
  } catch (error) {
    if (!(error instanceof AppError) || error.code === 'CANCELLED') throw error;
    if (error.details.abstract === true) return undefined;
    return { name, file, description: '', distro: '', release: '', os: '', platforms: [], formats: [], error: firstFault(error) };
  }
}

function firstFault(error: AppError): string {
  const [first, ...more] = error.faults;
  if (!first) return error.message;
  const place = [first.file, first.line, first.column].filter((part) => part !== undefined).join(':');
  return `${place}: ${first.message}${more.length > 0 ? ` (and ${more.length} more)` : ''}`;
}
