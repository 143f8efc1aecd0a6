import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { TemplateIndex } from '../../src/model/catalog.ts';
import { exec } from '../../src/util/exec.ts';
import { Scope } from '../../src/util/scope.ts';
import { actPath, runAct } from '../peers/act.ts';
import { needsRadosgw, type Radosgw, startRadosgw } from '../peers/radosgw.ts';
import { startGabarit } from './gabarit-process.ts';

/** The whole way of a push: a new repository, pushed to a bare one, its workflow run by act, and a template in a real S3 that a stranger can verify. */

const root = join(import.meta.dirname, '../..');
const main = join(root, 'src/cli/main.ts');

describe.skipIf(actPath === undefined || needsRadosgw())('a push to a repository of definitions', () => {
  const scope = new Scope();
  let folder = '';
  let peer: Radosgw;
  let url = '';
  let origin = '';
  let signingKey = '';
  const cacheDir = process.env['GABARIT_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'gabarit');

  async function git(where: string, ...args: string[]): Promise<string> {
    const who = ['-c', 'user.name=Test', '-c', 'user.email=test@mirror.example', '-c', 'commit.gpgsign=false'];
    return (await exec(['git', ...who, '-C', where, ...args])).stdout.trim();
  }

  async function gabarit(
    machine: string,
    ...args: string[]
  ): Promise<{ code: number | string; last: Record<string, unknown>; log: string }> {
    const home = join(folder, machine);
    await mkdir(home, { recursive: true });
    const config = join(home, 'gabarit.yaml');
    const credentials = { accessKey: 'env:ACCESS', secretKey: 'env:SECRET' };
    await writeFile(config, stringify({ stores: { templates: { url, endpoint: peer.endpoint, credentials } } }));
    const env = {
      HOME: home,
      GABARIT_STATE: join(home, 'state'),
      GABARIT_KEYS: join(home, 'keys'),
      ACCESS: peer.accessKey,
      SECRET: peer.secretKey,
    };
    const run = startGabarit(['--config', config, ...args], { cacheDir, outputDir: join(folder, 'out'), env });
    const code = await run.ended;
    return { code, last: run.lines.at(-1) ?? {}, log: JSON.stringify(run.lines.slice(-6)) + run.stderr.join('\n') };
  }

  /** Commits what lies in the working tree, pushes it, and runs the workflow as the server would. */
  async function push(
    tree: string,
    message: string,
    more: Partial<Parameters<typeof runAct>[0]> = {},
  ): Promise<Awaited<ReturnType<typeof runAct>>> {
    await git(tree, 'add', '-A');
    await git(tree, 'commit', '-q', '--allow-empty', '-m', message);
    await git(tree, 'push', '-q', 'origin', 'HEAD');
    const server = await mkdtemp(join(folder, 'server-'));
    const clone = join(server, 'clone');
    await exec(['git', 'clone', '-q', origin, clone]);
    return runAct({
      folder: clone,
      workdir: server,
      origin,
      event: 'push',
      path: [join(folder, 'bin')],
      env: { GABARIT_CACHE: cacheDir, NO_COLOR: '1' },
      // Without KVM boots take minutes; they have tests of their own.
      variables: { GABARIT_VERIFY: 'offline' },
      secrets: { GABARIT_SIGNING_KEY: signingKey, AWS_ACCESS_KEY_ID: peer.accessKey, AWS_SECRET_ACCESS_KEY: peer.secretKey },
      ...more,
    });
  }

  async function published(): Promise<TemplateIndex | undefined> {
    const { last } = await gabarit('maker', 'catalog', 'ls', '--store', 'templates');
    return (last as unknown as TemplateIndex[])[0] ?? (last['templates'] as TemplateIndex[] | undefined)?.[0];
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'act-'));
    scope.defer(() => rm(folder, { recursive: true, force: true }));
    await mkdir(join(folder, 'ceph'));
    peer = await startRadosgw(join(folder, 'ceph'), scope);
    url = `s3://${await peer.bucket()}/images`;
    await mkdir(join(folder, 'bin'));
    const command = join(folder, 'bin/gabarit');
    await writeFile(command, `#!/bin/sh\nexec ${process.execPath} --disable-warning=ExperimentalWarning -- ${main} "$@"\n`);
    await chmod(command, 0o755);
    expect((await gabarit('maker', 'key', 'new')).code).toBe(0);
    signingKey = await readFile(join(folder, 'maker/keys/default.key'), 'utf8');
    origin = join(folder, 'origin.git');
    await exec(['git', 'init', '-q', '--bare', '--initial-branch=main', origin]);
  });
  afterAll(() => scope.close());

  it('ends with a published template that a stranger verifies; what did not change is not built, what did is', async () => {
    const demo = join(folder, 'demo');
    const made = await gabarit(
      'maker',
      'init',
      demo,
      '--from',
      'debian-12-minimal',
      '--store-url',
      url,
      '--endpoint',
      peer.endpoint,
    );
    expect([made.code, made.log]).toEqual([0, expect.anything()]);
    await git(demo, 'remote', 'add', 'origin', origin);

    const first = await push(demo, 'Begin with a first template');
    expect([first.exitCode, first.exitCode === 0 ? '' : first.log]).toEqual([0, '']);
    expect(first.log).toContain('web-server@dev is it');
    // The page of the run has the verdict table.
    expect(first.log).toMatch(/:white_check_mark: \| \*\*web-server\*\* \d{8}\.1 \| \d+ passed/);
    // No secret is shown: neither by us nor by act's own mask.
    for (const secret of [peer.secretKey, signingKey.trim().split('\n').at(-1) ?? '']) expect(first.log).not.toContain(secret);
    const verified = await gabarit('stranger', 'verify', 'web-server@dev', '--store', 'templates');
    expect([verified.code, verified.code === 0 ? '' : verified.log]).toEqual([0, '']);

    const second = await push(demo, 'Change nothing');
    expect([second.exitCode, second.exitCode === 0 ? '' : second.log]).toEqual([0, '']);
    expect(second.log).toContain('= web-server  -');
    expect(second.log).not.toContain('Build and prove');

    await writeFile(join(demo, 'templates/files/index.html'), '<!doctype html><title>Another page</title>\n');
    const third = await push(demo, 'Change the page');
    expect([third.exitCode, third.exitCode === 0 ? '' : third.log]).toEqual([0, '']);
    expect(third.log).toContain('its definition changed');
    const again = await gabarit('stranger', 'verify', 'web-server@dev', '--store', 'templates');
    expect([again.code, again.code === 0 ? '' : again.log]).toEqual([0, '']);
    const index = await published();
    expect(index?.images.map(({ version }) => version.split('.')[1])).toEqual(['2', '1']);
  });

  it('of a workflow with the action of this repository is built in the formats that it names, and published to its channel', async () => {
    const tree = join(folder, 'with-action');
    await exec(['git', 'clone', '-q', origin, tree]);
    const action = join(folder, 'action');
    // As actions come to a runner: without libraries. Those of this test stand for what the launcher would bring.
    await exec(['git', 'clone', '-q', root, action]);
    await exec(['cp', '-a', join(root, 'node_modules'), action]);
    const commit = '0123456789abcdef0123456789abcdef01234567';
    const workflow = {
      on: ['workflow_dispatch'],
      permissions: {},
      jobs: {
        image: {
          permissions: { contents: 'read' },
          'runs-on': 'ubuntu-24.04',
          steps: [
            {
              uses: 'actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1',
              with: { 'persist-credentials': false },
            },
            {
              id: 'image',
              uses: `we/gabarit@${commit}`,
              env: {
                AWS_ACCESS_KEY_ID: '${{ secrets.AWS_ACCESS_KEY_ID }}',
                AWS_SECRET_ACCESS_KEY: '${{ secrets.AWS_SECRET_ACCESS_KEY }}',
              },
              with: {
                template: 'web-server',
                formats: 'qcow2,vhd',
                store: 'templates',
                channel: 'beta',
                verify: 'offline',
                'signing-key': '${{ secrets.GABARIT_SIGNING_KEY }}',
              },
            },
            { run: 'ls "$FOLDER"', env: { FOLDER: '${{ steps.image.outputs.folder }}' } },
          ],
        },
      },
    };
    await writeFile(join(tree, '.github/workflows/by-action.yml'), stringify(workflow));
    const run = await push(tree, 'Use the action', {
      event: 'workflow_dispatch',
      job: 'image',
      path: [dirname(process.execPath)],
      actions: { [`we/gabarit@${commit}`]: action },
    });
    expect([run.exitCode, run.exitCode === 0 ? '' : run.log]).toEqual([0, '']);
    expect(run.log).toContain('web-server@beta is it');
    expect(run.log).toMatch(/disk\.qcow2[^]*disk\.vhd/);
    expect(run.log).not.toContain(peer.secretKey);
    const verified = await gabarit('stranger', 'verify', 'web-server@beta', '--store', 'templates');
    expect([verified.code, verified.code === 0 ? '' : verified.log]).toEqual([0, '']);
    // The folder of the runner was new: the version follows what was published from elsewhere.
    expect((await published())?.images.map(({ version }) => version.split('.')[1])).toEqual(['3', '2', '1']);
  });

  it('of a pull request is planned without a secret; a fault is shown at its line, and nothing is built', async () => {
    const tree = join(folder, 'proposal');
    await exec(['git', 'clone', '-q', origin, tree]);
    const base = await git(tree, 'rev-parse', 'HEAD');
    const repository = { full_name: 'we/images' };
    const payload = {
      repository,
      pull_request: { number: 7, base: { sha: base }, head: { repo: { full_name: 'they/images' } } },
    };
    const options = { event: 'pull_request', job: 'check', secrets: {}, payload } as const;
    const definition = join(tree, 'templates/web-server.yaml');
    const text = await readFile(definition, 'utf8');
    await writeFile(definition, text.replace('nginx-light', 'nginx-light, jq'));
    const good = await push(tree, 'Add jq', options);
    expect([good.exitCode, good.exitCode === 0 ? '' : good.log]).toEqual([0, '']);
    expect(good.log).toMatch(/\+ jq:amd64 \d/);
    expect(good.log).toContain('- packages.add: ["nginx-light"]');
    expect(good.log).not.toContain('Build and prove');

    await writeFile(definition, text.replace('nginx-light', 'nginx-lihgt'));
    const bad = await push(tree, 'Mistype it', options);
    expect(bad.exitCode).toBe(1);
    expect(bad.log).toMatch(/no package is called "nginx-lihgt"; did you mean/);
    const line = text.split('\n').findIndex((row) => row.includes('nginx-light')) + 1;
    expect(bad.log).toMatch(new RegExp(`web-server\\.yaml[^\\n]*line=${line}|line=${line}[^\\n]*web-server\\.yaml`));
  });
});
