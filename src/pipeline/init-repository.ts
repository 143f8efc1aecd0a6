import { mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { templateJsonSchema } from '../model/template-json-schema.ts';
import { AppError, errnoOf, toAppError } from '../util/errors.ts';
import { exec } from '../util/exec.ts';
import { writeFileAtomic } from '../util/files.ts';
import { findDefinition, isTemplateName } from './load-file.ts';

export const ciSystems = ['github', 'gitlab', 'gitea', 'none'] as const;
export type CiSystem = (typeof ciSystems)[number];

export interface InitRepository {
  /** Made when it does not exist; it may hold nothing but `.git`. */
  folder: string;
  /** Of the first template. */
  name: string;
  /** The template that it extends. */
  from: string;
  ci: CiSystem;
  /** URL of the store `templates`. */
  store: string;
  /** Where S3 is spoken, when it is not AWS. */
  endpoint?: string | undefined;
  /** Where `from` is looked for. */
  folders: readonly string[];
  /** The tree that is copied. */
  skeleton: string;
  /** Of Gabarit. */
  version: string;
}

const files: Record<CiSystem, string[]> = {
  github: ['.github/'],
  gitlab: ['.gitlab/', '.gitlab-ci.yml'],
  gitea: ['.gitea/'],
  none: [],
};

const ciWords: Record<CiSystem, string> = {
  github:
    '`.github/workflows/build-templates.yml` builds, boots and publishes what has changed, and all that builds on it; pull requests are only planned, and get a comment with what differs. Give the environment `stable` reviewers. Started by hand (Actions, Build templates, Run workflow), it takes names of templates, formats and the channel.',
  gitlab:
    '`.gitlab/gabarit.yml` builds, boots and publishes what has changed, and all that builds on it; merge requests are only planned. Give the environment `stable` approvals, and keep secrets in protected variables.',
  gitea:
    '`.gitea/workflows/build-templates.yml` builds, boots and publishes what has changed, and all that builds on it, on a runner with the label `image-builder`; pull requests from this repository are only planned, those of forks are left alone. Forgejo reads the same file.',
  none: 'Nothing yet: `gabarit init` writes workflows with `--ci github`, `gitlab` or `gitea`.',
};

/**
 * Makes a repository of definitions: a first template, the workflow of a CI system, README, and the schema for editors. Returns the paths
 * that were written.
 * @throws AppError USAGE for a bad name, TEMPLATE_NOT_FOUND for an unknown `from`, CONFLICT when the folder holds something
 */
export async function initRepository(request: InitRepository): Promise<string[]> {
  const { folder, name, from, ci, skeleton } = request;
  if (!isTemplateName(name)) {
    throw new AppError('USAGE', `${JSON.stringify(name)} is not a name for a template`, {
      hint: 'Use lower-case letters, digits, ".", "_" and "-".',
    });
  }
  await findDefinition(from, request.folders);
  await refuseFull(folder);
  const words = wordsOf(request);
  const fill = (text: string): string => text.replaceAll(/@([A-Z_]+)@/g, (whole, word: string) => words[word] ?? whole);
  const others = Object.values(files).flat();
  const wanted = (path: string): boolean =>
    files[ci].some((start) => path.startsWith(start)) || !others.some((start) => path.startsWith(start));
  const written: string[] = [];
  const write = async (path: string, text: string): Promise<void> => {
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFileAtomic(target, text);
    written.push(path);
  };
  try {
    for (const path of await filesBelow(skeleton)) {
      // npm gives no package a .gitignore.
      if (wanted(path))
        await write(fill(path === 'gitignore' ? '.gitignore' : path), fill(await readFile(join(skeleton, path), 'utf8')));
    }
    await write('schema/template.schema.json', `${JSON.stringify(templateJsonSchema(), null, 2)}\n`);
    await exec(['git', 'init', '--quiet', '--initial-branch=main', folder]).catch((error: unknown) => {
      // Without git it is a folder like any other.
      if (!(error instanceof AppError) || error.code !== 'TOOL_MISSING') throw error;
    });
  } catch (error) {
    throw toAppError(error, 'CONFIG_INVALID', `Cannot write ${folder}`);
  }
  return written.toSorted();
}

function wordsOf({ folder, name, from, ci, store, endpoint, version }: InitRepository): Record<string, string> {
  return {
    NAME: name,
    FROM: from,
    VERSION: version,
    REPOSITORY: basename(resolve(folder)),
    STORE: JSON.stringify(store),
    STORE_MORE:
      endpoint === undefined
        ? '    # endpoint: https://s3.example.org   # when it is not AWS'
        : `    endpoint: ${JSON.stringify(endpoint)}`,
    CI: ciWords[ci],
  };
}

async function refuseFull(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw toAppError(error, 'CONFIG_INVALID', `Cannot read ${folder}`);
  });
  const others = names.filter((name) => name !== '.git');
  if (others.length > 0) {
    throw new AppError(
      'CONFLICT',
      `${folder} is not empty: it holds ${others.slice(0, 3).join(', ')}${others.length > 3 ? ' and more' : ''}`,
      {
        hint: 'Name a new folder. In a repository that is there already, "gabarit new" writes a definition.',
      },
    );
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted();
}
