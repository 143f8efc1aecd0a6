import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from '../../src/app.ts';
import type { Plan } from '../../src/model/plan.ts';
import { digestOfFile } from '../../src/util/digest.ts';
import { exec } from '../../src/util/exec.ts';

const template = 'debian-12-minimal';

/** A build cache of a test's own in which the base layer and all packages of a small Debian are there already. */
export interface PreparedCache {
  /** Everything lies below it; the test removes it. */
  folder: string;
  cacheDir: string;
  outputDir: string;
  /** The plan of the template as it is shipped. */
  plan: Plan;
  /** The digest of the disk that it gives. */
  diskDigest: string;
  /** Writes the plan of a template that extends the shipped one by these lines of YAML, and returns its path. */
  planFile(name: string, extension?: string): Promise<string>;
}

/** The cache of the person who runs the tests. */
function sharedCache(): string {
  return process.env['GABARIT_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'gabarit');
}

/**
 * Fills a cache of a test's own with the base layers and packages that are in the shared one, if there are any. Whatever builds
 * beside the test then holds none of its locks, and no step of another build is reused.
 */
export async function copyCache(cacheDir: string): Promise<void> {
  const shared = sharedCache();
  const layers = join(shared, 'layers/base');
  await mkdir(join(cacheDir, 'layers/base'), { recursive: true });
  const names = existsSync(layers) ? await readdir(layers) : [];
  const finished = names.filter((name) => existsSync(join(layers, name, 'layer.json')));
  // Nothing writes into a finished layer or package: further names of the same files will do, on the same file system.
  for (const path of [...finished.map((name) => join('layers/base', name)), 'packages']) {
    const [source, target] = [join(shared, path), join(cacheDir, path)];
    if (existsSync(source)) await exec(['cp', '-al', source, target]).catch(() => exec(['cp', '-a', source, target]));
  }
}

/**
 * Prepares one from the cache of the person who runs the tests (GABARIT_CACHE), where everything that is missing is built first.
 * Plans are made there too, so that the own cache needs no package indexes.
 */
export async function prepareCache(): Promise<PreparedCache> {
  const shared = sharedCache();
  const folder = await mkdtemp(join(tmpdir(), 'faults-'));
  const app = await createApp({ cacheDir: shared });
  const signal = new AbortController().signal;
  const plan = await app.plan(template, { offline: false }, signal);
  const planPath = join(folder, 'plan.json');
  await writeFile(planPath, JSON.stringify(plan));
  const request = {
    templates: [],
    planFile: planPath,
    force: false,
    jobs: 1,
    checkReproducible: false,
    verify: false,
    offline: false,
  };
  const [built] = await app.build({ ...request, outputDir: join(folder, 'reference') }, signal);
  if (built?.output === undefined) throw built?.error ?? new Error('nothing was built');
  const cacheDir = join(folder, 'cache');
  await copyCache(cacheDir);
  return {
    folder,
    cacheDir,
    outputDir: join(folder, 'out'),
    plan,
    diskDigest: await digestOfFile(join(built.output, 'disk.qcow2')),
    async planFile(name, extension = '') {
      const definition = join(folder, `${name}.yaml`);
      await writeFile(definition, `name: ${name}\nextends: ${template}\n${extension}`);
      const path = join(folder, `${name}.plan.json`);
      await writeFile(path, JSON.stringify(await app.plan(definition, { offline: true }, signal)));
      return path;
    },
  };
}
