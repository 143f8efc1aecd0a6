import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Dialect } from '../src/engines/packer/builder.ts';
import { writeFolder } from '../src/engines/packer/index.ts';
import { builders } from '../src/engines/packer/options.ts';
import { exec } from '../src/util/exec.ts';
import { caseFolder, packerCases } from './packer-folders.ts';
import { hasTool, needs } from './tools.ts';

/** Secrets and what is found at run time, for a validation that asks nobody. */
const secrets = {
  PKR_VAR_password: 'not-a-secret',
  PKR_VAR_remote_password: 'not-a-secret',
  PKR_VAR_client_secret: 'not-a-secret',
  AWS_ACCESS_KEY_ID: 'none',
  AWS_SECRET_ACCESS_KEY: 'none',
};

async function validate(command: string, folder: string): Promise<string> {
  const { stdout, stderr } = await exec([command, 'validate', '-syntax-only', '.'], { cwd: folder, okExitCodes: [0, 1] });
  if (/Error/.test(stdout + stderr)) return stdout + stderr;
  const env = { ...secrets, CHECKPOINT_DISABLE: '1', PACKER_NO_COLOR: '1' };
  const result = await exec([command, 'validate', '.'], { cwd: folder, env, okExitCodes: [0, 1] });
  return result.exitCode === 0 ? '' : result.stdout + result.stderr;
}

async function inFolder<T>(index: number, dialect: Dialect, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'packer-export-'));
  try {
    await writeFolder(folder, await caseFolder(index, dialect));
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('every builder has its case', () => {
  expect(packerCases.map(({ builder }) => builder).toSorted()).toEqual(builders.map(({ id }) => id).toSorted());
});

describe.each(packerCases.map(({ builder }, index) => [builder, index] as const))('%s', (builder, index) => {
  test('writes what was read and found good', async () => {
    const files = await caseFolder(index, 'current');
    const copied = /^(scripts\/(?!00|99)|upload\/)/;
    const shown = files
      .map(({ path, content }) => `=== ${path}\n${copied.test(path) ? '' : String(content)}`)
      .join('\n')
      // The plan's id is another one whenever a step is changed.
      .replaceAll(/sha256:(?!5e5e)[0-9a-f]{64}/g, 'sha256:PLAN')
      .replaceAll(/build-[0-9a-f]{12}/g, 'build-PLAN');
    await expect(shown).toMatchFileSnapshot(`golden/packer/${builder}.txt`);
  });

  test.skipIf(needs('packer', 'ssh-keygen', 'xorriso'))('Packer 1.6 finds nothing wrong, once prepared', async () => {
    const said = await inFolder(index, '1.6', async (folder) => {
      await exec(['sh', 'prepare.sh'], { cwd: folder });
      return validate('packer', folder);
    });
    // Debian's Packer has all builders but this one.
    if (builder === 'xenserver-iso') expect(said).toMatch(/unknown builder|Unknown builder|Unknown source/i);
    // Its builder logs in when it is prepared, and there is no such cloud.
    else if (builder === 'openstack') expect(said).toMatch(/^Error: 1 error[^*]*\* Post "https:\/\/keystone.example:5000[^*]*$/);
    else expect(said).toBe('');
  });

  test.skipIf(needs('shellcheck'))('its own scripts are sound', async () => {
    await inFolder(index, 'current', async (folder) => {
      const scripts = ['prepare.sh', 'scripts/00-packages.sh', 'scripts/99-finish.sh'];
      await exec(['shellcheck', '--shell=sh', ...scripts], { cwd: folder });
    });
  });
});

/** A current Packer, with plugins or with those that it had built in until 1.9: where somebody has one. */
const current = '/usr/local/bin/packer-current';
describe.skipIf(!hasTool(current))('a current Packer', () => {
  test.each(packerCases.map(({ builder }, index) => [builder, index] as const))('reads %s with its plugin', async (_, index) => {
    const said = await inFolder(index, 'current', async (folder) => {
      const { stdout, stderr } = await exec([current, 'validate', '-syntax-only', '.'], { cwd: folder, okExitCodes: [0, 1] });
      return stdout + stderr;
    });
    // What it wants beyond the syntax needs a network.
    expect(said).toMatch(/^(Syntax-only check passed|.*plugins? (is|are) required, but not installed)/s);
    expect(said).not.toMatch(/Unsupported|Invalid|Missing (name|source)/);
  });

  test.each(['qemu', 'vsphere-iso', 'amazon-ebs', 'azure-arm', 'googlecompute'])('finds nothing wrong in %s', async (builder) => {
    const index = packerCases.findIndex((entry) => entry.builder === builder);
    const said = await inFolder(index, 'current', async (folder) => {
      // Without a network nothing can be brought: those that are built in must do.
      await writeFolder(
        folder,
        (await caseFolder(index, '1.6')).filter(({ path }) => path === 'build.pkr.json'),
      );
      await mkdir(join(folder, 'bin'));
      await chmod(join(folder, 'bin'), 0o755);
      await exec(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', 'build-key'], { cwd: folder });
      return validate(current, folder);
    });
    expect(said).toBe('');
  });
});
