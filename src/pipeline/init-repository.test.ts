import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { actionlintFaults } from '../../test/actionlint.ts';
import { appErrorOf, folderOf } from '../../test/definitions/folder.ts';
import { needs } from '../../test/tools.ts';
import * as distroRegistry from '../distros/index.ts';
import { lintWorkflows, workflowsIn } from './ci/lint/lint.ts';
import { type InitRepository, initRepository } from './init-repository.ts';
import { loadTemplate } from './load.ts';

const shipped = join(import.meta.dirname, '../../templates');

function request(folder: string, more: Partial<InitRepository> = {}): InitRepository {
  return {
    folder,
    name: 'web-server',
    from: 'debian-12',
    ci: 'github',
    store: 's3://images',
    folders: [shipped],
    skeleton: join(shipped, 'repository'),
    version: '1.2.3',
    ...more,
  };
}

const workflowFiles = {
  github: ['.github/workflows/build-templates.yml'],
  gitlab: ['.gitlab-ci.yml', '.gitlab/gabarit-build.yml', '.gitlab/gabarit.yml'],
  gitea: ['.gitea/workflows/build-templates.yml'],
  none: [],
};

describe.skipIf(needs('git'))('gabarit init', () => {
  it.each(['github', 'gitlab', 'gitea', 'none'] as const)('%s: what it writes is sound', async (ci) => {
    const folder = join(folderOf({}), 'demo');
    const files = await initRepository(request(folder, { ci }));
    const all = readdirSync(folder, { recursive: true, withFileTypes: true }).filter(
      (entry) => entry.isFile() && !entry.parentPath.includes('/.git/') && !entry.parentPath.endsWith('/.git'),
    );
    expect(all).toHaveLength(files.length);
    for (const file of files) expect([file, readFileSync(join(folder, file), 'utf8').match(/@[A-Z_]+@/g)]).toEqual([file, null]);
    const distros = Object.values(distroRegistry);
    const { template } = await loadTemplate(join(folder, 'templates/web-server.yaml'), { folders: [shipped], distros });
    expect(template).toMatchObject({ name: 'web-server', release: 'bookworm' });
    expect(parse(readFileSync(join(folder, 'gabarit.yaml'), 'utf8'))).toEqual({ stores: { templates: { url: 's3://images' } } });
    expect(files.filter((file) => file.startsWith('.git') && file !== '.gitignore')).toEqual(workflowFiles[ci]);
    const workflows = await workflowsIn(folder);
    if (ci !== 'none') expect((await lintWorkflows(workflows, folder)).annotations).toEqual([]);
  });

  it('writes another store, and never over what is there', async () => {
    const folder = folderOf({});
    await initRepository(request(folder, { endpoint: 'https://s3.mirror.example' }));
    expect(parse(readFileSync(join(folder, 'gabarit.yaml'), 'utf8'))).toEqual({
      stores: { templates: { url: 's3://images', endpoint: 'https://s3.mirror.example' } },
    });
    expect((await appErrorOf(initRepository(request(folder)))).code).toBe('CONFLICT');
    expect((await appErrorOf(initRepository(request(join(folder, 'x'), { name: 'Web Server' })))).code).toBe('USAGE');
    expect((await appErrorOf(initRepository(request(join(folder, 'x'), { from: 'debian-21' })))).code).toBe('TEMPLATE_NOT_FOUND');
    expect(readdirSync(folder)).not.toContain('x');
  });
});

test.skipIf(needs('git'))('actionlint takes the workflows that it writes', async () => {
  for (const ci of ['github', 'gitea'] as const) {
    const folder = join(folderOf({}), 'demo');
    await initRepository(request(folder, { ci }));
    expect(await actionlintFaults(await workflowsIn(folder))).toEqual([]);
  }
});
