import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DeployWorld, deployWorld } from '../../test/deploy-world.ts';
import { XapiFault } from '../../test/fakes/xapi.ts';
import { listTargets, removeDeployments, rollBack, sweepTargets } from '../pipeline/deploy.ts';
import { digestOfFile } from '../util/digest.ts';

const mib = 2 ** 20;
const { signal } = new AbortController();
const clean = { machines: [], tasks: 0, sessions: 0, ownKeys: [] };

let world: DeployWorld;
beforeEach(async () => {
  world = await deployWorld();
});
afterEach(() => world[Symbol.asyncDispose]());

type Fields = Record<string, unknown>;
const vms = (): (Fields & { ref: string })[] => world.pool.db.all('VM').map(({ ref, record }) => ({ ...record, ref }));
const named = (name: string): Fields & { ref: string } => {
  const [found, second] = vms().filter((vm) => vm['name_label'] === name);
  if (!found || second) throw new Error(`${second ? 'several are' : 'none is'} called ${name}`);
  return found;
};
const versionOf = (name: string): unknown => (named(name)['other_config'] as Fields)['gabarit:version'];
const calls = (pattern: RegExp): string[] => world.pool.log.map(({ name }) => name).filter((name) => pattern.test(name));
const writes = /^(PUT |[\w.]*\b(VM|VDI|VBD|VIF|SR|pool|network)\.(?!get_))/;
const ls = async (): Promise<string[]> =>
  (await listTargets(['lab'], world.services, signal)).flatMap(({ deployments, error }) =>
    error ? [error.message] : deployments.map(({ version, state, name, drift }) => [version, state, name, ...drift].join(' | ')),
  );
/** What somebody on the pool does. */
const plant = (name: string, isTemplate: boolean, otherConfig: Fields = {}): string =>
  world.pool.db.create('VM', {
    name_label: name,
    is_a_template: isTemplate,
    other_config: otherConfig as Record<string, string>,
  });

describe('a deployment', () => {
  it('makes a VM template of the image, with its disk byte for byte, and leaves nothing else behind', async () => {
    const image = await world.publish('20261123.1');
    world.configure('lab', { memory: 3 * 1024 * mib, cpus: 3, tags: ['linux', 'web'] });
    const result = await world.deploy('debian-12');
    expect(result).toMatchObject({
      target: 'lab',
      outcome: 'deployed',
      deployment: { state: 'current', name: 'debian-12', version: '20261123.1', digest: image.digest, drift: [] },
      removed: [],
    });
    expect(world.left()).toEqual({ ...clean, templates: ['debian-12'], disks: 1 });
    const vm = named('debian-12');
    expect(vm).toMatchObject({
      power_state: 'Halted',
      memory_static_max: String(3 * 1024 * mib),
      memory_dynamic_max: String(3 * 1024 * mib),
      VCPUs_max: '3',
      tags: ['gabarit', 'linux', 'web'],
      name_description: 'A small image\nDebian GNU/Linux 12 (bookworm), debian-12 20261123.1, deployed by Gabarit',
    });
    expect(vm['other_config']).toMatchObject({
      'gabarit:template': 'debian-12',
      'gabarit:version': '20261123.1',
      'gabarit:digest': image.digest,
      'gabarit:uuid': vm['uuid'],
      'gabarit:serial': '1',
    });
    expect(vm['other_config']).not.toHaveProperty('gabarit:run');
    const networks = (vm['VIFs'] as string[]).map((vif) => world.pool.db.get('VIF', vif)['network']);
    expect(networks).toEqual([world.pool.db.all('network')[0]?.ref]);
    const [disk] = world.pool.db.all('VDI');
    expect(disk?.record['other_config']).not.toHaveProperty('gabarit:run');
    expect(await digestOfFile(world.pool.diskPath(disk?.ref ?? ''))).toBe(
      await digestOfFile(join(world.folder, 'out/debian-12/20261123.1/disk.raw')),
    );
    const sent = world.events.flatMap((event) => (event.type === 'step.progress' && event.step === 'send' ? [event] : []));
    expect(sent.at(-1)?.done).toBe(result.sent);
    expect(sent.at(-1)?.total).toBe(result.sent);
    expect(await readdir(join(world.services.stateDir, 'deployments/lab'))).toEqual(['.lock']);
  });

  it('of the same image is one deployment', async () => {
    await world.publish('20261123.1');
    const first = await world.deploy('debian-12');
    world.pool.log.length = 0;
    const second = await world.deploy('debian-12@20261123.1');
    expect(second).toMatchObject({ outcome: 'unchanged', deployment: { id: first.deployment?.id }, sent: 0 });
    expect(calls(writes)).toEqual([]);
  });

  it('of a new version takes the name over without a moment in which nothing has it, and keeps the old ones for a rollback', async () => {
    world.configure('lab', { keep: 1 });
    await world.publish('20261123.1');
    await world.deploy('debian-12');
    const missing: string[] = [];
    world.pool.faults.beforeCall = (method) => {
      if (!vms().some((vm) => vm['name_label'] === 'debian-12' && vm['is_a_template'] === true)) missing.push(method);
    };
    await world.publish('20261124.1');
    expect(await world.deploy('debian-12')).toMatchObject({
      outcome: 'deployed',
      replaced: { version: '20261123.1' },
      removed: [],
    });
    expect(world.left()).toEqual({ ...clean, templates: ['debian-12', 'debian-12 (20261123.1)'], disks: 2 });
    await world.publish('20261125.1');
    expect(await world.deploy('debian-12')).toMatchObject({ outcome: 'deployed', removed: [{ version: '20261123.1' }] });
    expect(world.left()).toEqual({ ...clean, templates: ['debian-12', 'debian-12 (20261124.1)'], disks: 2 });
    expect(missing).toEqual([]);
    expect(await ls()).toEqual(['20261125.1 | current | debian-12', '20261124.1 | retired | debian-12 (20261124.1)']);
  });

  it('of a version that is still there gives it the name back, and sends nothing', async () => {
    for (const version of ['20261123.1', '20261124.1']) {
      await world.publish(version);
      await world.deploy('debian-12');
    }
    world.pool.log.length = 0;
    expect(await world.deploy('debian-12@20261123.1')).toMatchObject({
      outcome: 'promoted',
      replaced: { version: '20261124.1' },
    });
    expect([versionOf('debian-12'), versionOf('debian-12 (20261124.1)')]).toEqual(['20261123.1', '20261124.1']);
    expect(calls(/^PUT/)).toEqual([]);
  });

  it('that is only planned changes nothing, and says what would happen', async () => {
    await world.publish('20261123.1');
    await world.deploy('debian-12');
    await world.publish('20261124.1');
    const before = JSON.stringify([world.pool.db.all('VM'), world.pool.db.all('pool')]);
    world.pool.log.length = 0;
    world.configure('lab', { keep: 0, test: true });
    const { outcome, plan } = await world.deploy('debian-12', { dryRun: true });
    expect(outcome).toBe('planned');
    expect(plan).toMatchObject({ action: 'import', replaces: { version: '20261123.1' }, removes: [{ version: '20261123.1' }] });
    expect(plan?.notes.join('\n')).toMatch(/"Local storage", which has .* free\n.*"Pool-wide network.*\na clone is booted/);
    expect(calls(writes)).toEqual([]);
    expect(JSON.stringify([world.pool.db.all('VM'), world.pool.db.all('pool')])).toBe(before);
  });

  it('keeps to a rate', async () => {
    await world.publish('20261123.1');
    const { sent = 0, durationMs } = await world.deploy('debian-12', { bytesPerSecond: 2.5 * mib });
    expect(sent).toBeGreaterThan(4 * mib);
    expect(durationMs).toBeGreaterThan(1000);
  });

  it('is refused for an image that was made for something else', async () => {
    await world.publish('20261123.1', { platforms: ['kvm'] });
    const { outcome, error } = await world.deploy('debian-12');
    expect([outcome, error?.code, error?.message]).toEqual([
      'failed',
      'IMAGE_INVALID',
      'debian-12 20261123.1 was not made for lab, whose platform is xen: it is for kvm',
    ]);
  });

  it('of bytes that are not those of the manifest never reaches the pool', async () => {
    const image = await world.publish('20261123.1');
    const key = image.artifacts.find(({ format }) => format === 'raw')?.key ?? '';
    await using file = await open(join(world.folder, 'store', key), 'r+');
    await file.write(Buffer.from('x'), 0, 1, 4 * mib);
    expect((await world.deploy('debian-12')).error?.code).toBe('DIGEST_MISMATCH');
    expect(calls(/^PUT/)).toEqual([]);
    expect(world.left()).toEqual({ ...clean, templates: [], disks: 0 });
  });
});

describe('a rollback', () => {
  beforeEach(async () => {
    for (const version of ['20261123.1', '20261124.1', '20261125.1']) {
      await world.publish(version);
      await world.deploy('debian-12');
    }
  });
  const back = async (version?: string) =>
    (
      await rollBack(
        { template: 'debian-12', targets: ['lab'], ...(version === undefined ? {} : { version }) },
        world.services,
        signal,
      )
    )[0];

  it('gives the name to the one before, or to the version that is wanted', async () => {
    world.pool.log.length = 0;
    expect(await back()).toMatchObject({
      outcome: 'promoted',
      deployment: { version: '20261124.1' },
      replaced: { version: '20261125.1' },
    });
    expect(versionOf('debian-12')).toBe('20261124.1');
    expect(await back('20261123.1')).toMatchObject({ deployment: { version: '20261123.1' } });
    expect(await back('20261123.1')).toMatchObject({ outcome: 'unchanged' });
    expect(await ls()).toEqual([
      '20261123.1 | current | debian-12',
      '20261124.1 | retired | debian-12 (20261124.1)',
      '20261125.1 | retired | debian-12 (20261125.1)',
    ]);
    expect(calls(/^PUT/)).toEqual([]);
    expect(world.left()).toMatchObject(clean);
  });

  it('to what is not there says what is', async () => {
    const result = await back('20260101.1');
    expect(result?.error).toMatchObject({ code: 'NOT_FOUND', hint: 'It has 20261124.1, 20261123.1.' });
    const other = await rollBack({ template: 'debian-13', targets: ['lab'] }, world.services, signal);
    expect(other[0]?.error).toMatchObject({ code: 'NOT_FOUND', message: 'lab has no deployment of debian-13' });
    expect(world.left()).toMatchObject(clean);
  });
});

describe('what lies on a pool', () => {
  beforeEach(async () => {
    for (const version of ['20261123.1', '20261124.1']) {
      await world.publish(version);
      await world.deploy('debian-12');
    }
  });
  const rm = async (version: string | undefined, force = false) =>
    (
      await removeDeployments(
        { template: 'debian-12', targets: ['lab'], force, ...(version === undefined ? {} : { version }) },
        world.services,
        signal,
      )
    )[0];

  it('shows what somebody renamed, made a machine of, or removed', async () => {
    world.pool.db.set('VM', named('debian-12').ref, { name_label: 'Debian golden' });
    world.pool.db.destroy('VM', named('debian-12 (20261123.1)').ref);
    expect(await ls()).toEqual([
      '20261124.1 | current | Debian golden | it is called "Debian golden" instead of "debian-12"',
      '20261123.1 | deleted | debian-12 | somebody removed it from the pool',
    ]);
    // It is theirs now: no deployment renames or removes it.
    world.configure('lab', { keep: 0 });
    await world.publish('20261125.1');
    expect(await world.deploy('debian-12')).toMatchObject({ outcome: 'deployed', removed: [] });
    expect(named('Debian golden')['is_a_template']).toBe(true);
  });

  it('can be removed, the current one only by force', async () => {
    expect((await rm('20261124.1'))?.error).toMatchObject({
      code: 'CONFLICT',
      message: 'lab: debian-12 20261124.1 is what people get now',
    });
    expect(await rm('20261123.1')).toMatchObject({ outcome: 'removed', removed: [{ version: '20261123.1' }] });
    expect(world.left()).toEqual({ ...clean, templates: ['debian-12'], disks: 1 });
    expect((await rm('20261123.1'))?.error?.code).toBe('NOT_FOUND');
    expect(await rm(undefined, true)).toMatchObject({ outcome: 'removed' });
    expect(world.left()).toEqual({ ...clean, templates: [], disks: 0 });
    expect(await ls()).toEqual([]);
  });

  it('is not confused with copies that people made of it, nor with disks that they attached', async () => {
    const template = named('debian-12 (20261123.1)');
    const copy = world.pool.db.create('VM', {
      ...template,
      uuid: undefined as never,
      name_label: 'web-1',
      is_a_template: false,
      VBDs: [],
      VIFs: [],
    });
    const foreign = world.pool.db.create('VDI', {
      name_label: 'data',
      virtual_size: '1048576',
      SR: world.pool.db.all('SR')[0]?.ref ?? '',
    });
    world.pool.db.create('VBD', { VM: template.ref, VDI: foreign, userdevice: '1', type: 'Disk' });
    expect(await ls()).toHaveLength(2);
    expect(await rm('20261123.1')).toMatchObject({ outcome: 'removed' });
    expect(world.pool.db.has('VM', copy)).toBe(true);
    expect(world.pool.db.has('VDI', foreign)).toBe(true);
  });
});

describe('a test clone', () => {
  it('is booted, and gone again, before the new version gets the name', async () => {
    await world.publish('20261123.1');
    expect(await world.deploy('debian-12', { test: true })).toMatchObject({ outcome: 'deployed' });
    expect(calls(/^VM\.(clone|provision|start|hard_shutdown)$/)).toEqual([
      'VM.clone',
      'VM.provision',
      'VM.start',
      'VM.hard_shutdown',
    ]);
    expect(world.left()).toEqual({ ...clean, templates: ['debian-12'], disks: 1 });
  });

  it.each([
    ['whose agent says nothing', { agentSilent: true }, /its agent reported no address within 1 s/, true],
    ['that does not start', { startFails: new XapiFault('VM_REQUIRES_IOMMU', ['x']) }, /VM_REQUIRES_IOMMU/, false],
  ])('%s stops the deployment; the old version keeps the name', async (_, faults, message, hasPicture) => {
    await world.publish('20261123.1');
    await world.deploy('debian-12');
    await world.publish('20261124.1');
    Object.assign(world.pool.faults, faults);
    world.configure('lab', { testMinutes: 1 / 60 });
    const { outcome, error } = await world.deploy('debian-12', { test: true });
    expect(outcome).toBe('failed');
    expect(error?.message).toMatch(message);
    expect(world.left()).toEqual({ ...clean, templates: ['debian-12'], disks: 1 });
    expect(versionOf('debian-12')).toBe('20261123.1');
    if (!hasPicture) return;
    expect(error?.code).toBe('BOOT_FAILED');
    const [picture] = (error?.details['files'] ?? []) as string[];
    expect((await readFile(picture ?? '')).subarray(0, 2)).toEqual(Buffer.from([0xff, 0xd8]));
  });

  it('needs a network', async () => {
    await world.publish('20261123.1');
    world.configure('lab', { networks: [], test: true });
    expect((await world.deploy('debian-12')).error).toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('said before the first byte', () => {
  it.each([
    [
      'a storage that is too small',
      { sr: 'small' },
      'TARGET_FULL',
      /"small" has 4.00 MiB free, and 8.00 MiB are needed; nothing was sent/,
    ],
    [
      'a storage that is not there',
      { sr: 'Local storge' },
      'NOT_FOUND',
      /no storage "Local storge"; did you mean "Local storage"/,
    ],
    ['a library of discs', { sr: 'discs' }, 'CONFIG_INVALID', /is a library of discs/],
    ['a network that is not there', { networks: ['eth7'] }, 'NOT_FOUND', /lab has no network "eth7"/],
  ])('%s', async (_, settings, code, message) => {
    const [first] = world.pool.db.all('SR');
    for (const [name, size, type] of [
      ['small', 4 * mib, 'user'],
      ['discs', mib, 'iso'],
    ] as const)
      world.pool.db.create('SR', {
        ...first?.record,
        uuid: undefined as never,
        VDIs: [],
        name_label: name,
        physical_size: String(size),
        physical_utilisation: '0',
        content_type: type,
      });
    world.configure('lab', settings);
    await world.publish('20261123.1');
    const { error } = await world.deploy('debian-12');
    expect(error?.code).toBe(code);
    expect(error?.message).toMatch(message);
    expect(calls(writes)).toEqual([]);
  });

  it('a name that belongs to a VM template of somebody else; a machine of that name is no matter', async () => {
    await world.publish('20261123.1');
    const foreign = plant('debian-12', true);
    const { error } = await world.deploy('debian-12');
    expect(error).toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('lab has a VM template "debian-12" that Gabarit did not make') as string,
    });
    expect(calls(writes)).toEqual([]);
    world.pool.db.set('VM', foreign, { is_a_template: false });
    expect(await world.deploy('debian-12')).toMatchObject({ outcome: 'deployed' });
  });

  it.each(['read-only', 'vm-admin'] as const)('not enough rights: %s', async (role) => {
    await using other = await deployWorld({ users: [{ name: 'weak', password: 'weakling', role }] });
    other.configure('lab', { user: 'env:weak', password: 'env:weakling' });
    await other.publish('20261123.1');
    const { error } = await other.deploy('debian-12');
    expect(error).toMatchObject({
      code: 'TARGET_DENIED',
      message: expect.stringContaining('pool.add_to_other_config') as string,
    });
    expect(other.pool.log.filter(({ name }) => name.startsWith('PUT'))).toEqual([]);
    expect(other.left()).toEqual({ ...clean, templates: [], disks: 0 });
  });

  it('a host that is too old for an XVA', async () => {
    await using old = await deployWorld({ apiVersion: [1, 9] });
    await old.publish('20261123.1');
    const { error } = await old.deploy('debian-12');
    expect(error).toMatchObject({
      code: 'TARGET_FAILED',
      message: expect.stringMatching(/host-1 is too old: .* 1\.9 .*needs 1\.20; nothing was sent/) as string,
    });
  });

  it('a certificate that is not the one that was written down', async () => {
    await world.publish('20261123.1');
    world.configure('lab', { fingerprints: [Array.from({ length: 32 }, () => 'AB').join(':')] });
    expect((await world.deploy('debian-12')).error).toMatchObject({ code: 'TLS_UNTRUSTED' });
    expect(world.pool.log).toEqual([]);
  });
});

describe('trust on first use', () => {
  it('shows the fingerprint once, and refuses another certificate later', async () => {
    await world.publish('20261123.1');
    world.configure('lab', { fingerprints: undefined as never });
    expect(await world.deploy('debian-12')).toMatchObject({ outcome: 'deployed' });
    const said = world.events.filter(
      (event) => event.type === 'log' && event.message.includes(world.pool.hosts[0]?.fingerprint ?? '?'),
    );
    expect(said).toHaveLength(1);
    await world.pool.changeCertificate(0);
    world.pool.log.length = 0;
    expect((await world.deploy('debian-12')).error).toMatchObject({ code: 'TLS_UNTRUSTED' });
    expect(world.pool.log).toEqual([]);
  });
});

describe('when something breaks in the middle', () => {
  beforeEach(async () => {
    await world.publish('20261123.1');
    await world.deploy('debian-12');
    await world.publish('20261124.1');
    world.pool.log.length = 0;
  });
  const expectAsBefore = (): void => {
    expect(world.left()).toEqual({ ...clean, templates: ['debian-12'], disks: 1 });
    expect(versionOf('debian-12')).toBe('20261123.1');
  };

  it('a connection that is cut at 50 %, again and again: nothing is left, the old version keeps the name', async () => {
    world.pool.faults.cutImportAt = 2.5 * mib;
    const { outcome, error } = await world.deploy('debian-12');
    expect([outcome, error?.code]).toEqual(['failed', 'TARGET_UNREACHABLE']);
    expect(calls(/^PUT/)).toHaveLength(2);
    expectAsBefore();
  });

  it('a connection that is cut once: it is sent again', async () => {
    world.pool.faults.cutImportAt = 2.5 * mib;
    world.pool.faults.beforeCall = (method) => {
      if (method === 'task.create' && calls(/^PUT/).length === 1) world.pool.faults.cutImportAt = undefined;
    };
    expect(await world.deploy('debian-12')).toMatchObject({ outcome: 'deployed' });
    expect(world.left()).toEqual({ ...clean, templates: ['debian-12', 'debian-12 (20261123.1)'], disks: 2 });
    expect(world.events).toContainEqual(
      expect.objectContaining({ level: 'warn', message: expect.stringContaining('sending it again') as string }),
    );
  });

  it('sessions that are forgotten: it logs in again', async () => {
    let blocks = 0;
    world.pool.faults.onImportBlock = () => {
      blocks += 1;
      if (blocks === 2) world.pool.expireSessions();
    };
    expect(await world.deploy('debian-12')).toMatchObject({ outcome: 'deployed' });
    expect(calls(/^PUT/)).toHaveLength(1);
    expect(calls(/^session\.login/).length).toBeGreaterThan(1);
    expect(world.left()).toMatchObject(clean);
  });

  it('a task that fails when all was sent, as of a storage that filled up meanwhile', async () => {
    world.pool.faults.importFailsLate = new XapiFault('SR_FULL', ['1', '0']);
    expect((await world.deploy('debian-12')).error).toMatchObject({ code: 'TARGET_FULL' });
    expectAsBefore();
  });

  it('a task that stands still: it is cancelled and removed', async () => {
    world.pool.faults.importStuckAt = 2 * mib;
    world.configure('lab', { stallMinutes: 1 / 60 });
    expect((await world.deploy('debian-12')).error).toMatchObject({ code: 'TIMEOUT' });
    expectAsBefore();
  });

  it('Ctrl-C: all that was made is removed', async () => {
    const controller = new AbortController();
    world.pool.faults.onImportBlock = () => controller.abort(new Error('Ctrl-C'));
    expect(await world.deploy('debian-12', { signal: controller.signal })).toMatchObject({ outcome: 'cancelled' });
    expectAsBefore();
  });
});

describe('a pool of several hosts', () => {
  it('whose master changes in the middle is followed', async () => {
    await using two = await deployWorld({ hosts: 2 });
    await two.publish('20261123.1');
    two.pool.faults.beforeCall = (method) => {
      if (method === 'VM.set_tags') two.pool.setMaster(1);
    };
    expect(await two.deploy('debian-12')).toMatchObject({ outcome: 'deployed' });
    expect(two.left()).toEqual({ ...clean, templates: ['debian-12'], disks: 1 });
  });
});

describe('several pools', () => {
  it('are deployed to side by side; one that fails does not stop the others', async () => {
    await using second = await deployWorld({ srs: [{ name: 'tiny', sizeBytes: mib }] });
    world.configure('small', {}, second.pool);
    await world.publish('20261123.1');
    const results = await world.deployTo(['small', 'lab'], 'debian-12');
    expect(results.map(({ target, outcome, error }) => [target, outcome, error?.code])).toEqual([
      ['small', 'failed', 'TARGET_FULL'],
      ['lab', 'deployed', undefined],
    ]);
    expect(await listTargets([], world.services, signal)).toMatchObject([
      { target: 'lab', deployments: [{ version: '20261123.1' }] },
      { target: 'small', deployments: [] },
    ]);
  });

  it('that are not configured are named', async () => {
    await world.publish('20261123.1');
    await expect(world.deployTo(['lap'], 'debian-12')).rejects.toMatchObject({
      code: 'USAGE',
      message: 'No target "lap" is configured; did you mean "lab"?',
    });
  });
});

describe('two deployers at once', () => {
  it('to the same pool and template: one wins, the other is told, and nothing is damaged', async () => {
    await world.publish('20261123.1');
    await world.publish('20261124.1');
    const results = await Promise.all([world.deploy('debian-12@20261123.1'), world.deploy('debian-12@20261124.1')]);
    const [won, lost] = results.toSorted((a, b) => (a.outcome < b.outcome ? -1 : 1));
    expect(won?.outcome).toBe('deployed');
    expect(lost?.error).toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('debian-12 is being changed by') as string,
    });
    expect(world.left()).toEqual({ ...clean, templates: ['debian-12'], disks: 1 });
    expect(versionOf('debian-12')).toBe(won?.deployment?.version);
  });

  it('of different templates do not disturb each other', async () => {
    await world.publish('20261123.1');
    await world.publish('20261123.1', { template: 'debian-13' });
    const results = await Promise.all([world.deploy('debian-12'), world.deploy('debian-13')]);
    expect(results.map(({ outcome }) => outcome)).toEqual(['deployed', 'deployed']);
    expect(world.left()).toEqual({ ...clean, templates: ['debian-12', 'debian-13'], disks: 2 });
  });
});

describe('the janitor', () => {
  const run = 'bbbbbbbbbbbb';
  const unfinished = 'debian-12 (20261123.1, importing, run bbbbbbbbbbbb)';
  const marksOf = (more: Record<string, string> = {}): Record<string, string> => ({
    'gabarit:template': 'debian-12',
    'gabarit:version': '20261123.1',
    'gabarit:digest': 'sha256:0',
    'gabarit:run': run,
    ...more,
  });
  const sweep = async (): Promise<string[]> =>
    (await sweepTargets(['lab'], world.services, signal)).flatMap(({ swept = [], error }) =>
      error ? [error.message] : swept.map(({ kind, name }) => `${kind} ${name}`),
    );
  const disk = (otherConfig: Record<string, string>): string => {
    const sr = world.pool.db.all('SR')[0]?.ref ?? '';
    return world.pool.db.create('VDI', { name_label: 'd', virtual_size: '1048576', SR: sr, other_config: otherConfig });
  };
  const heard = (secondsLeft: number): void => {
    const [found] = world.pool.db.all('pool');
    const until = new Date(Date.now() + secondsLeft * 1000).toISOString();
    const config = {
      [`gabarit:alive:${run}:3`]: JSON.stringify({ until, by: 'bob@elsewhere' }),
      'gabarit:lock:debian-12:1': run,
    };
    world.pool.db.set('pool', found?.ref ?? '', { other_config: config });
  };

  it('leaves a run of another machine alone while that is heard of, and removes what it left when it is not', async () => {
    plant(unfinished, false, marksOf());
    disk(marksOf());
    heard(60);
    expect(await sweep()).toEqual([]);
    expect(await ls()).toEqual([`20261123.1 | unfinished | ${unfinished}`]);
    await world.publish('20261123.1');
    expect((await world.deploy('debian-12')).error).toMatchObject({
      code: 'CONFLICT',
      message: `lab: debian-12 is being changed by bob@elsewhere, run ${run}`,
    });
    expect(world.left()).toMatchObject({ machines: [unfinished], disks: 1 });
    heard(-1);
    expect(await ls()).toEqual([`20261123.1 | unfinished | ${unfinished} | nobody was heard of who is making it`]);
    expect(await sweep()).toEqual([
      `vm ${unfinished}`,
      'disk d',
      `lease gabarit:alive:${run}:3`,
      'lease gabarit:lock:debian-12:1',
    ]);
    expect(world.left()).toEqual({ ...clean, templates: [], disks: 0 });
    expect(await sweep()).toEqual([]);
  });

  it('does not touch what somebody made of an unfinished one, nor a disk that a machine uses', async () => {
    const copy = plant('web-1', false, marksOf({ 'gabarit:uuid': 'that of the original' }));
    const used = disk(marksOf());
    world.pool.db.create('VBD', { VM: copy, VDI: used, userdevice: '0', type: 'Disk' });
    const before = JSON.stringify([world.pool.db.all('VM'), world.pool.db.all('VDI')]);
    expect(await sweep()).toEqual([]);
    expect(JSON.stringify([world.pool.db.all('VM'), world.pool.db.all('VDI')])).toBe(before);
  });

  it('waits for what the pool itself still does with a leftover', async () => {
    const ref = plant(unfinished, false, marksOf());
    world.pool.db.set('VM', ref, { current_operations: { 'OpaqueRef:t': 'import' } });
    setTimeout(() => world.pool.db.set('VM', ref, { current_operations: {} }), 700);
    expect(await sweep()).toEqual([`vm ${unfinished}`]);
  });
});
