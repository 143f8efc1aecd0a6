import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { planText } from '../../cli/render/plan.ts';
import { debian, rocky, ubuntu } from '../../distros/index.ts';
import { findRelease } from '../../model/distro.ts';
import type { MachineHost } from '../../model/machine.ts';
import { type Plan, planId } from '../../model/plan.ts';
import { templateSchema } from '../../model/template.ts';
import { digestOfFile } from '../../util/digest.ts';
import { installerEngine } from './index.ts';

const distros = [debian, rocky, ubuntu];
const engine = (mirrors: Record<string, string> = {}): ReturnType<typeof installerEngine> =>
  installerEngine({ distros, machines: {} as MachineHost, mirrors: async () => mirrors });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'installer-'));
  await writeFile(join(folder, 'initrd'), 'ramdisk');
  await writeFile(join(folder, 'linux'), 'kernel');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function planOf(id: string, release: string, options: Record<string, unknown>): Promise<Plan> {
  const template = templateSchema.parse({
    name: 'web',
    distro: id,
    release,
    disk: { size: '10GiB' },
    engine: { name: 'installer', options },
  });
  const distro = distros.find((one) => one.id === id);
  const facts = distro && findRelease(distro, release);
  if (!distro || !facts) throw new Error('unknown');
  const ctx = { cacheDir: folder, offline: false, signal: new AbortController().signal, emit: () => undefined };
  const pinned = await engine().pin({ template, arch: 'amd64', distro, release: facts, repositoryKeys: {} }, ctx);
  const { codename, title } = facts;
  const body = {
    schema: 'gabarit.plan/1' as const,
    template,
    definitions: [],
    arch: 'amd64' as const,
    release: { id: facts.id, codename, title },
    ...pinned,
    keys: {},
    provisioning: [],
    engineRevision: 'x',
  };
  return { id: planId(body), ...body };
}

const source = { url: 'https://mirror.example/medium.iso', digest: `sha256:${'a'.repeat(64)}` };

describe('a plan', () => {
  test.each([
    ['ubuntu', '24.04', ['user-data', 'meta-data']],
    ['rocky', '9', ['ks.cfg']],
    ['debian', '12', ['preseed.cfg']],
  ])('of %s %s shows the answers, and nothing that belongs to one build', async (id, release, names) => {
    const plan = await planOf(id, release, { source });
    const preview = (await engine({ debian: 'http://mirror.example/debian' }).preview?.(plan)) ?? [];
    expect(preview.map(({ name }) => name)).toEqual(names);
    const text = preview.map((file) => file.text).join('');
    expect(text).toContain('(the key of the build)');
    expect(text).toContain('http://10.0.2.2/(secret)');
    expect(text).not.toMatch(/ssh-ed25519|BEGIN/);
    expect(plan.medium).toEqual({ kind: 'iso', ...source });
    // What is only shown changes nothing.
    const { id: _, ...body } = { ...plan, preview };
    expect(planId(body)).toBe(plan.id);
    const style = { strong: (words: string) => words } as Parameters<typeof planText>[1];
    const shown = planText({ ...plan, preview }, style, false);
    expect(shown).toContain(`From          ${source.url}`);
    expect(shown).toContain(preview[0]?.text.trimEnd());
  });

  test('of a network installer pins its initial ramdisk and its kernel, and needs a mirror', async () => {
    const netboot = { kernel: join(folder, 'linux'), initrd: join(folder, 'initrd') };
    const plan = await planOf('debian', '12', { netboot });
    expect(plan.medium).toMatchObject({
      kind: 'iso',
      url: `file://${netboot.initrd}`,
      digest: expect.stringMatching(/^sha256:/) as string,
      kernel: { url: `file://${netboot.kernel}`, digest: await digestOfFile(netboot.kernel) },
    });
    await expect(engine().preview?.(plan)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    const own = {
      ...plan,
      template: {
        ...plan.template,
        engine: { name: 'installer' as const, options: { netboot, mirror: 'http://mirror.example/debian' } },
      },
    };
    expect((await engine().preview?.(own))?.[0]?.text).toContain('mirror/http/hostname string mirror.example');
  });
});
