import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { appErrorOf, distro, folderOf, now } from '../../../test/definitions/folder.ts';
import { writeOutputFolder } from '../../../test/fakes/output-folder.ts';
import { needs } from '../../../test/tools.ts';
import { openCatalog } from '../../catalog/open-catalog.ts';
import { publish } from '../../catalog/publish.ts';
import type { TemplateChange } from '../../model/ci.ts';
import type { Engine } from '../../model/engine.ts';
import type { LockedPackage } from '../../model/lock.ts';
import { openFileStore } from '../../stores/file.ts';
import { AppError } from '../../util/errors.ts';
import { digestOf } from '../../util/digest.ts';
import { exec } from '../../util/exec.ts';
import { Scope } from '../../util/scope.ts';
import { makePlan } from '../make-plan.ts';
import { type ChangesRequest, type Ci, openCi } from './open-ci.ts';

const definitions = {
  'templates/base.yaml': 'name: base\nabstract: true\ndistro: debian\nrelease: trixie\n',
  'templates/web.yaml': 'name: web\nextends: base\nprovisioning:\n  - script: scripts/site.sh\n',
  'templates/shop.yaml': 'name: shop\nextends: web\npackages: { add: [redis] }\n',
  'templates/mail.yaml': 'name: mail\nextends: base\npackages: { add: [postfix] }\n',
  'templates/scripts/site.sh': '#!/bin/sh\necho one\n',
};

/** A repository of definitions with one commit, and what a mirror has in which version. */
class Repository {
  readonly folder: string;
  readonly versions: Record<string, string> = { redis: '1', postfix: '1', bash: '1' };
  variables: Record<string, string> = {};

  constructor(files: Record<string, string> = definitions) {
    this.folder = folderOf(files);
  }

  async git(...args: string[]): Promise<string> {
    const who = [
      '-c',
      'user.name=Test',
      '-c',
      'user.email=test@mirror.example',
      '-c',
      'commit.gpgsign=false',
      '-c',
      'init.defaultBranch=main',
    ];
    return (await exec(['git', ...who, '-C', this.folder, ...args])).stdout.trim();
  }

  async commit(files: Record<string, string | undefined> = {}): Promise<string> {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.folder, name);
      await mkdir(dirname(path), { recursive: true });
      await (text === undefined ? rm(path) : writeFile(path, text));
    }
    await this.git('add', '-A');
    await this.git('commit', '-q', '--allow-empty', '-m', 'A change');
    return this.git('rev-parse', 'HEAD');
  }

  static async begin(files?: Record<string, string>): Promise<{ repository: Repository; first: string }> {
    const repository = new Repository(files);
    await repository.git('init', '-q');
    return { repository, first: await repository.commit() };
  }

  #engine(): Engine {
    const lockOf = (name: string, version: string): LockedPackage => ({
      name,
      version,
      architecture: 'amd64',
      sha256: digestOf(`${name} ${version}`).slice('sha256:'.length),
      size: 1,
      repository: 'debian',
      path: `pool/${name}`,
      role: 'image',
    });
    return {
      id: 'bootstrap',
      revision: 'test-1',
      options: z.object({}),
      requires: [],
      pin: ({ template }) => {
        const names = ['bash', ...template.packages.add];
        const unknown = names.filter((name) => this.versions[name] === undefined);
        if (unknown.length > 0) {
          const faults = unknown.map((name) => ({ message: `no package is called "${name}"` }));
          return Promise.reject(new AppError('PACKAGE_NOT_FOUND', 'A package does not exist', { faults }));
        }
        const packages = names.map((name) => lockOf(name, this.versions[name] ?? ''));
        return Promise.resolve({ lock: { repositories: [], packages }, guestSources: '' });
      },
      build: () => Promise.reject(new Error('not built here')),
    };
  }

  get store(): ReturnType<typeof openFileStore> {
    return openFileStore(`file:${join(this.folder, '.git/store')}`);
  }

  get ci(): Ci {
    const own = join(this.folder, 'templates');
    const provisionDir = join(import.meta.dirname, '../../../templates/provision');
    const services = { distros: [distro], engines: [this.#engine()], provisionDir };
    const emit = (): void => undefined;
    return openCi({
      load: { folders: [own, join(this.folder, 'shipped')], distros: [distro], now },
      ownFolders: [own],
      outputDir: join(this.folder, 'out'),
      repository: this.folder,
      variables: this.variables,
      makePlan: (loaded, { offline }, signal) =>
        makePlan(loaded, undefined, services, { cacheDir: this.folder, offline, signal, emit }),
      openCatalog: () => Promise.resolve(openCatalog(this.store, {})),
      inRun: async (_, signal, work) => {
        await using scope = new Scope();
        const workdir = folderOf({});
        return await work({ workdir, cacheDir: workdir, offline: true, force: false, signal, scope, emit });
      },
    });
  }

  changes(request: Partial<ChangesRequest> = {}): Promise<TemplateChange[]> {
    return this.ci.changes({ force: false, updates: false, offline: true, ...request }, new AbortController().signal);
  }

  /** Publishes an image of a template as it is now. */
  async publish(name: string, version: string): Promise<void> {
    const [change] = await this.changes({ only: [name] });
    const { ci } = this;
    const plans = await ci.changes(
      { force: true, updates: true, offline: true, base: 'HEAD', only: [name] },
      new AbortController().signal,
    );
    const plan = plans[0]?.before;
    expect([plan?.id, change?.error]).toEqual([change?.plan, undefined]);
    const text = JSON.stringify(plan);
    const folder = await writeOutputFolder(folderOf({}), name, version, (manifest) => ({
      ...manifest,
      plan: plan?.id ?? '',
      evidence: manifest.evidence.map((item) =>
        item.name === 'plan.json' ? { ...item, size: Buffer.byteLength(text), digest: digestOf(text) } : item,
      ),
    }));
    await writeFile(join(folder, 'plan.json'), text);
    await publish(folder, this.store, { emit: () => undefined, by: 'test' });
  }
}

const summary = (changes: readonly TemplateChange[]): unknown =>
  changes.map(({ template, state, build, reasons }) => [template, state, build, reasons.join('; ')]);

describe.skipIf(needs('git', 'tar'))('what must be built, compared with a commit', () => {
  it('is nothing when nothing changed, and everything where there is nothing to compare with', async () => {
    const { repository, first } = await Repository.begin();
    expect(summary(await repository.changes({ base: first }))).toEqual([
      ['mail', 'unchanged', false, ''],
      ['shop', 'unchanged', false, ''],
      ['web', 'unchanged', false, ''],
    ]);
    expect((await repository.changes()).map(({ state }) => state)).toEqual(['new', 'new', 'new']);
  });

  it('is what changed and what extends it, by the content of its files too; a base is no template', async () => {
    const { repository, first } = await Repository.begin();
    await repository.commit({ 'templates/scripts/site.sh': '#!/bin/sh\necho two\n' });
    expect(summary(await repository.changes({ base: first }))).toEqual([
      ['mail', 'unchanged', false, ''],
      ['shop', 'changed', true, 'web changed, which it extends'],
      ['web', 'changed', true, 'its definition changed'],
    ]);
    await repository.commit({ 'templates/base.yaml': 'name: base\nabstract: true\ndistro: debian\nrelease: bookworm\n' });
    const all = await repository.changes({ base: first });
    expect(all.map(({ template, state }) => [template, state])).toEqual([
      ['mail', 'changed'],
      ['shop', 'changed'],
      ['web', 'changed'],
    ]);
    expect(all[0]?.reasons).toEqual(['base changed, which it extends']);
    expect(all[0]?.diff?.settings.changed).toMatchObject({ release: { from: 'trixie', to: 'bookworm' } });
  });

  it('is not what makes no difference: a comment, another order of keys, a file that nobody names', async () => {
    const { repository, first } = await Repository.begin();
    await repository.commit({
      'templates/web.yaml': '# A comment\nextends: base\nname: web\nprovisioning: [{ script: scripts/site.sh }]\n',
      'templates/notes.txt': 'nothing',
    });
    expect((await repository.changes({ base: first })).filter(({ build }) => build)).toEqual([]);
  });

  it('is compared with where the branches part, so that what others did meanwhile is not blamed on this one', async () => {
    const { repository } = await Repository.begin();
    await repository.git('checkout', '-q', '-b', 'mine');
    await repository.commit({ 'templates/mail.yaml': 'name: mail\nextends: base\npackages: { add: [postfix, redis] }\n' });
    await repository.git('checkout', '-q', 'main');
    const theirs = await repository.commit({ 'templates/web.yaml': 'name: web\nextends: base\n' });
    await repository.git('checkout', '-q', 'mine');
    const changes = await repository.changes({ base: theirs });
    expect(changes.filter(({ build }) => build).map(({ template }) => template)).toEqual(['mail']);
    expect(changes[0]?.diff?.packages.added).toEqual({ 'redis:amd64': '1' });
  });

  it('takes the base from the CI system', async () => {
    const { repository, first } = await Repository.begin();
    await repository.commit({ 'templates/mail.yaml': 'name: mail\nextends: base\n' });
    repository.variables = { GITLAB_CI: 'true', CI_PIPELINE_SOURCE: 'push', CI_COMMIT_BEFORE_SHA: first };
    expect((await repository.changes()).filter(({ build }) => build).map(({ template }) => template)).toEqual(['mail']);
  });

  it('names a commit that a shallow clone does not have, and what to do', async () => {
    const { repository } = await Repository.begin();
    const error = await appErrorOf(repository.changes({ base: 'f'.repeat(40) }));
    expect([error.code, error.hint]).toEqual(['NOT_FOUND', expect.stringContaining('fetch-depth: 0')]);
  });

  it('lists a template that cannot be planned, and hides no other', async () => {
    const { repository, first } = await Repository.begin();
    await repository.commit({
      'templates/mail.yaml': 'name: mail\nextends: base\npackages: { add: [postfixx] }\n',
      'templates/odd.yaml': 'name: odd\nextends: base\nkernal: x\n',
    });
    const changes = await repository.changes({ base: first });
    expect(changes.map(({ template, state, error }) => [template, state, error?.code])).toEqual([
      ['mail', 'failed', 'PACKAGE_NOT_FOUND'],
      ['odd', 'failed', 'TEMPLATE_INVALID'],
      ['shop', 'unchanged', undefined],
      ['web', 'unchanged', undefined],
    ]);
  });

  it('is what was asked for by name; an unknown name is refused with the near ones', async () => {
    const { repository, first } = await Repository.begin();
    expect(summary(await repository.changes({ base: first, only: ['web'], formats: ['vhd'] }))).toEqual([
      ['web', 'unchanged', true, 'it was asked for'],
    ]);
    expect((await repository.changes({ base: first, force: true })).every(({ build }) => build)).toBe(true);
    const error = await appErrorOf(repository.changes({ base: first, only: ['mial'] }));
    expect([error.code, error.hint]).toEqual(['TEMPLATE_NOT_FOUND', 'Did you mean mail?']);
    expect((await appErrorOf(repository.changes({ base: first, store: 'x' }))).code).toBe('USAGE');
  });
});

describe.skipIf(needs('git', 'tar'))('what must be built, compared with what is published', () => {
  it('is what differs from the newest image that was not revoked; newer packages only when they are asked after', async () => {
    const { repository } = await Repository.begin();
    expect((await repository.changes({ store: 's' })).map(({ state }) => state)).toEqual(['new', 'new', 'new']);
    for (const name of ['web', 'shop', 'mail']) await repository.publish(name, '20261101.1');
    expect((await repository.changes({ store: 's' })).map(({ state }) => state)).toEqual(['unchanged', 'unchanged', 'unchanged']);

    repository.versions['postfix'] = '2';
    expect((await repository.changes({ store: 's' })).map(({ state }) => state)).toEqual(['unchanged', 'unchanged', 'unchanged']);
    expect(summary(await repository.changes({ store: 's', updates: true }))).toEqual([
      ['mail', 'changed', true, 'packages: 1 in another version'],
      ['shop', 'unchanged', false, ''],
      ['web', 'unchanged', false, ''],
    ]);
    await repository.publish('mail', '20261102.1');
    expect((await repository.changes({ store: 's', updates: true })).filter(({ build }) => build)).toEqual([]);
    await openCatalog(repository.store, {}).revoke({ template: 'mail', by: 'version', version: '20261102.1' }, 'bad', {
      fallback: true,
    });
    expect(
      (await repository.changes({ store: 's', updates: true })).filter(({ build }) => build).map(({ template }) => template),
    ).toEqual(['mail']);
  });
});

describe('annotations', () => {
  it('stand at the lines that are wrong, once for what several extend', async () => {
    const repository = new Repository({
      ...definitions,
      'templates/mail.yaml': 'name: mail\nextends: base\npackages:\n  add:\n    - bash\n    - postfixx\n',
      'templates/odd.yaml': 'name: odd\nextends: base\nkernal: x\nplatfroms: []\n',
    });
    const signal = new AbortController().signal;
    const found = await repository.ci.annotations([], { plan: true, offline: true }, signal);
    expect(
      found.map(({ file, line, column, level, title }) => [
        file?.slice(repository.folder.length + 1),
        line,
        column,
        level,
        title,
      ]),
    ).toEqual([
      ['templates/mail.yaml', 6, 7, 'error', 'PACKAGE_NOT_FOUND'],
      ['templates/odd.yaml', 3, 1, 'error', 'TEMPLATE_INVALID'],
      ['templates/odd.yaml', 4, 1, 'error', 'TEMPLATE_INVALID'],
    ]);
    expect((await repository.ci.annotations(['mail'], { plan: false, offline: true }, signal)).length).toBe(0);
  });
});
