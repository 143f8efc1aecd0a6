import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { exec, type ExecResult } from '../../src/util/exec.ts';

/**
 * act, which runs workflows of GitHub on one's own machine; here on the host itself, without Docker. It is no Debian package: where Go is,
 * `go install github.com/nektos/act@latest` brings it. GABARIT_TEST_ACT names it elsewhere.
 */
export const actPath = [process.env['GABARIT_TEST_ACT'], '/usr/local/bin/act', join(homedir(), 'go/bin/act')].find(
  (path): path is string => path !== undefined && path !== '' && existsSync(path),
);

export interface ActRun {
  /** A clone of the repository, in which act runs. */
  folder: string;
  /** An empty folder for the stand-ins and for act's own files. */
  workdir: string;
  /** Where the stand-in of actions/checkout clones from. */
  origin: string;
  event: 'push' | 'pull_request' | 'workflow_dispatch';
  /** What the event says, as GitHub would. */
  payload?: object;
  inputs?: Record<string, string>;
  variables?: Record<string, string>;
  secrets?: Record<string, string>;
  env?: Record<string, string>;
  job?: string;
  /** Where workflows lie; default: .github/workflows. */
  workflows?: string;
  /** Folders of further actions, by `owner/name@commit`. */
  actions?: Record<string, string>;
  /** Folders with commands, the first one first. */
  path: string[];
}

const checkout = `name: checkout
description: Stands in for actions/checkout, which GitHub serves
inputs: { fetch-depth: { default: '1' }, persist-credentials: { default: 'true' } }
runs:
  using: composite
  steps:
    - shell: bash
      run: |
        find . -mindepth 1 -delete
        git clone -q "$TEST_ORIGIN" .
`;

const nothing = `name: nothing
description: Stands in for actions that talk to services of GitHub, or bring what is there
runs:
  using: composite
  steps: [{ shell: bash, run: 'true' }]
`;

const pinned = {
  'actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1': checkout,
  // The Node of this test stands for the one that it would bring.
  'actions/setup-node@820762786026740c76f36085b0efc47a31fe5020': nothing,
  'actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f': nothing,
  'actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c': nothing,
  'actions/cache@27d5ce7f107fe9357f9df03efb73ab90386fccae': nothing,
};

/** Runs the workflows of a repository for an event. The exit code is 1 when a job failed. */
export async function runAct(run: ActRun): Promise<ExecResult & { log: string }> {
  if (actPath === undefined) throw new TypeError('there is no act');
  const { workdir } = run;
  const standIns = Object.entries(pinned).map(([name, text]) => ({
    name,
    text,
    folder: join(workdir, 'actions', name.split('@')[0] ?? ''),
  }));
  for (const { folder, text } of standIns) {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'action.yml'), text);
  }
  const lines = (values: Record<string, string>): string =>
    Object.entries(values)
      .map(([name, value]) => `${name}=${JSON.stringify(value)}\n`)
      .join('');
  // Values go by files: everybody on this machine can read arguments.
  await writeFile(join(workdir, 'secrets'), lines(run.secrets ?? {}), { mode: 0o600 });
  await writeFile(join(workdir, 'variables'), lines(run.variables ?? {}));
  await writeFile(join(workdir, 'event.json'), JSON.stringify({ ...run.payload, ...(run.inputs ? { inputs: run.inputs } : {}) }));
  const env = {
    ...run.env,
    TEST_ORIGIN: run.origin,
    PATH: [...run.path, '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(':'),
    HOME: join(workdir, 'home'),
  };
  await mkdir(env.HOME, { recursive: true });
  const result = await exec(
    [
      actPath,
      run.event,
      '--platform=ubuntu-24.04=-self-hosted',
      '--platform=image-builder=-self-hosted',
      ...[...standIns.map(({ name, folder }) => [name, folder]), ...Object.entries(run.actions ?? {})].map(
        ([name = '', folder = '']) => `--local-repository=https://github.com/${name}=${folder}`,
      ),
      `--secret-file=${join(workdir, 'secrets')}`,
      `--var-file=${join(workdir, 'variables')}`,
      `--eventpath=${join(workdir, 'event.json')}`,
      `--action-cache-path=${join(workdir, 'cache')}`,
      ...Object.entries(run.env ?? {}).map(([name, value]) => `--env=${name}=${value}`),
      `--env=TEST_ORIGIN=${run.origin}`,
      '--no-cache-server',
      '--action-offline-mode',
      ...(run.workflows === undefined ? [] : [`--workflows=${run.workflows}`]),
      ...(run.job === undefined ? [] : [`--job=${run.job}`]),
    ],
    { cwd: run.folder, env, okExitCodes: [0, 1], timeoutMs: 14 * 60_000 },
  );
  return { ...result, log: result.stdout + result.stderr };
}
