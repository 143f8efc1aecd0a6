import { randomBytes } from 'node:crypto';
import { link, mkdir, rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { stringify } from 'yaml';
import { AppError, errnoOf, toAppError } from '../util/errors.ts';
import { writeFileAtomic } from '../util/files.ts';
import { definitionsIn, findDefinition, isTemplateName } from './load-file.ts';

export interface NewTemplate {
  name: string;
  /** The template to extend. */
  from: string;
  /** Where to write it; made when it does not exist. */
  folder: string;
  /** Where `from` is looked for, besides `folder`. */
  folders: readonly string[];
}

const schemaFile = join(import.meta.dirname, '../../docs/reference/template.schema.json');

/**
 * Writes a first definition for a person to fill in, and returns its path.
 * @throws AppError USAGE for a bad name, TEMPLATE_NOT_FOUND for an unknown `from`, CONFLICT when the name is taken
 */
export async function newTemplate({ name, from, folder, folders }: NewTemplate): Promise<string> {
  if (!isTemplateName(name)) {
    throw new AppError('USAGE', `${JSON.stringify(name)} is not a name for a template`, {
      hint: 'Use lower-case letters, digits, ".", "_" and "-", for example web-server.',
    });
  }
  await findDefinition(from, [folder, ...folders]);
  const taken = (await definitionsIn(folder)).find((definition) => definition.name === name);
  const path = join(folder, `${name}.yaml`);
  const part = `${path}.${randomBytes(4).toString('hex')}.new`;
  try {
    if (taken) throw conflict(name, taken.file);
    await mkdir(folder, { recursive: true });
    await writeFileAtomic(part, firstDefinition(name, from, relative(resolve(folder), schemaFile)));
    // A link fails when the name is taken meanwhile; a rename would overwrite it.
    await link(part, path);
    return path;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') throw conflict(name, path, error);
    throw toAppError(error, 'CONFIG_INVALID', `Cannot write ${path}`);
  } finally {
    await rm(part, { force: true });
  }
}

function conflict(name: string, file: string, cause?: unknown): AppError {
  return new AppError('CONFLICT', `There is a template ${name} already: ${file}`, { cause, hint: 'Choose another name.' });
}

function firstDefinition(name: string, from: string, schema: string): string {
  return `# yaml-language-server: $schema=${schema}
# What is not said here is as in ${from}; docs/definitions.md explains every key.
name: ${stringify(name).trim()}
extends: ${stringify(from).trim()}
description: A template of our own, from ${from}

# disk:
#   size: 8GiB
# packages:
#   add: [nginx]
# provisioning:                     # after what ${from} does, in this order
#   - script: scripts/setup.sh      # your own, beside this file; runs as root inside the image
#   - file: files/motd
#     to: /etc/motd
#   - step: ssh                     # a shipped step: other parameters, or none of it
#     enabled: true
# formats: [qcow2, raw]
`;
}
