import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, digestOf } from '../util/digest.ts';
import { AppError, type Fault } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { type LoadedTemplate, type LoadOptions, loadTemplate } from './load.ts';
import { findDefinition, isTemplateName } from './load-file.ts';

/** Definitions as people edit them in a web page: texts with faults, which are written only when they have none. */

export interface Definition {
  name: string;
  file: string;
  text: string;
  language: 'yaml' | 'typescript';
  digest: Digest;
}

/** What a text means, or what is wrong with it. */
export interface CheckedDefinition {
  faults: Fault[];
  warnings: Fault[];
  loaded?: LoadedTemplate;
}

/** @throws AppError TEMPLATE_NOT_FOUND */
export async function readDefinition(name: string, { folders }: Pick<LoadOptions, 'folders'>): Promise<Definition> {
  mustBeName(name);
  const file = await findDefinition(name, folders);
  const text = await readFile(file, 'utf8');
  return { name, file, text, language: file.endsWith('.ts') ? 'typescript' : 'yaml', digest: digestOf(text) };
}

/** Finds all faults of a text as the definition of that name; its own files are those beside the one that is there, or in `folder`. */
export async function checkDefinition(
  name: string,
  text: string,
  folder: string,
  options: LoadOptions,
): Promise<CheckedDefinition> {
  mustBeName(name);
  const before = await findDefinition(name, options.folders).catch((): string | undefined => undefined);
  const file = before?.endsWith('.yaml') ? before : join(folder, `${name}.yaml`);
  const unnamed = ({ file: place, ...fault }: Fault): Fault =>
    place === undefined || place === file ? fault : { ...fault, file: place };
  try {
    const loaded = await loadTemplate(file, { ...options, unsaved: { file, bytes: Buffer.from(text) } });
    return { faults: [], warnings: loaded.warnings.map(unnamed), loaded };
  } catch (error) {
    if (!(error instanceof AppError) || error.code === 'CANCELLED') throw error;
    const { faults, message, hint } = error;
    const whole: Fault = { message, ...(hint === undefined ? {} : { hint }) };
    return { faults: faults.length > 0 ? faults.map(unnamed) : [whole], warnings: [] };
  }
}

/** A text as a template. @throws AppError TEMPLATE_INVALID with all faults */
export async function loadText(name: string, text: string, folder: string, options: LoadOptions): Promise<LoadedTemplate> {
  const { loaded, faults } = await checkDefinition(name, text, folder, options);
  if (loaded) return loaded;
  throw new AppError('TEMPLATE_INVALID', `${name} has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}`, {
    faults,
  });
}

/**
 * Writes a definition that has no fault into a folder of one's own, where it goes before a shipped one of the same name.
 * @throws AppError TEMPLATE_INVALID with all faults; CONFLICT when it is not what was seen (`seen`: a digest, or `none`)
 */
export async function writeDefinition(
  name: string,
  text: string,
  folder: string,
  seen: string | undefined,
  options: LoadOptions,
): Promise<void> {
  const now = await readDefinition(name, options).catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'TEMPLATE_NOT_FOUND') return undefined;
    throw error;
  });
  if (seen !== undefined && (now?.digest ?? 'none') !== seen) {
    throw new AppError('CONFLICT', seen === 'none' ? `There is a template ${name} already` : `${name} was changed meanwhile`, {
      hint: 'Look at it again, then repeat.',
      details: { status: seen === 'none' ? 409 : 412 },
    });
  }
  if (now?.language === 'typescript')
    throw new AppError('CONFLICT', `${name} is written in TypeScript: it is changed in its file`);
  await loadText(name, text, folder, options);
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(join(folder, `${name}.yaml`), text);
}

function mustBeName(name: string): void {
  if (!isTemplateName(name)) throw new AppError('USAGE', `${JSON.stringify(name)} is not a name for a template`);
}
