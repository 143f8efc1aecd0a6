import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { parse } from 'yaml';
import { lintWorkflows, workflowsIn } from '../src/pipeline/ci/lint/lint.ts';
import { exec } from '../src/util/exec.ts';
import { actionlintFaults } from './actionlint.ts';
import { cycloneDxFaults } from './sbom-schema.ts';
import { needs } from './tools.ts';

const root = join(import.meta.dirname, '..');

describe.skipIf(needs('npm', 'tar'))('the npm package, in an empty folder', () => {
  let folder = '';
  const npm = (...args: string[]): Promise<{ stdout: string }> =>
    exec(['npm', ...args, '--offline', '--ignore-scripts'], {
      cwd: root,
      env: { npm_config_cache: join(folder, 'cache'), npm_config_update_notifier: 'false' },
    });
  const gabarit = (...args: string[]): Promise<{ stdout: string }> =>
    exec([join(folder, 'node_modules/gabarit/gabarit'), ...args], {
      cwd: folder,
      env: {
        HOME: folder,
        CI: 'true',
        PATH: `${dirname(process.execPath)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
      },
    });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'package-'));
    await npm('pack', '--pack-destination', folder);
    const archive = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
    const target = join(folder, 'node_modules/gabarit');
    await mkdir(target, { recursive: true });
    await exec(['tar', '-xzf', join(folder, archive), '-C', target, '--strip-components=1']);
    // What npm would bring beside it: the libraries of the lock file that are not for development.
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dev?: boolean; devOptional?: boolean }>;
    };
    for (const [path, { dev, devOptional }] of Object.entries(lock.packages)) {
      const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path)?.[1];
      if (name === undefined || dev || devOptional) continue;
      await mkdir(dirname(join(folder, 'node_modules', name)), { recursive: true });
      symlinkSync(join(root, 'node_modules', name), join(folder, 'node_modules', name));
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('runs, although Node reads no TypeScript below node_modules', async () => {
    expect((await gabarit('version', '--json')).stdout).toContain('"0.');
    expect((await gabarit('templates', '--quiet')).stdout).toContain('debian-12\n');
  });

  it('writes a repository of definitions, with every file of it', async () => {
    await gabarit('init', 'demo', '--ci', 'gitlab');
    expect(readdirSync(join(folder, 'demo'))).toEqual(
      expect.arrayContaining(['.gitignore', '.gitlab', '.gitlab-ci.yml', '.vscode', 'gabarit.yaml', 'schema', 'templates']),
    );
    expect((await gabarit('ci', 'annotations', '--json')).stdout).toContain('annotations');
  });

  it('holds no test, and the schema for editors', () => {
    const names = readdirSync(join(folder, 'node_modules/gabarit'), { recursive: true, encoding: 'utf8' });
    expect(names.filter((name) => /\.test\.ts$|^test\//.test(name))).toEqual([]);
    expect(names).toContain('docs/reference/template.schema.json');
  });

  it('has a list of components, as the release writes it', async () => {
    const { stdout } = await npm('sbom', '--omit', 'dev', '--sbom-format', 'cyclonedx', '--package-lock-only');
    const sbom = JSON.parse(stdout) as { components: { name: string }[]; specVersion: string };
    expect(sbom.components.map(({ name }) => name)).toContain('commander');
    expect(sbom.components.map(({ name }) => name)).not.toContain('vitest');
    // npm writes 1.5, whose schema ours includes.
    expect(cycloneDxFaults({ ...sbom, specVersion: '1.6', $schema: undefined })).toEqual([]);
  });
});

test('the workflows of the project are sound, by actionlint and by our own rules', async () => {
  const files = await workflowsIn(root);
  expect(files.length).toBeGreaterThanOrEqual(2);
  expect(await actionlintFaults(files)).toEqual([]);
  expect((await lintWorkflows(files)).annotations).toEqual([]);
});

test('action.yml has the inputs that the documents promise, and hands them over as variables only', () => {
  const action = parse(readFileSync(join(root, 'action.yml'), 'utf8')) as {
    inputs: Record<string, unknown>;
    runs: { steps: { run: string }[] };
  };
  expect(Object.keys(action.inputs)).toEqual(['template', 'formats', 'store', 'channel', 'verify', 'signing-key']);
  for (const { run } of action.runs.steps) expect(run).not.toContain('${{');
});
