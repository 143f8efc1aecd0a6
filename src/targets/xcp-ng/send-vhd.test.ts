import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DeployWorld, deployWorld } from '../../../test/deploy-world.ts';
import { XapiFault } from '../../../test/fakes/xapi.ts';
import { sweepTargets } from '../../pipeline/deploy.ts';
import { digestOfFile } from '../../util/digest.ts';

/** Images that are sent as a disk, for which a machine is made by calls. */

const mib = 2 ** 20;
const { signal } = new AbortController();
const clean = { machines: [], tasks: 0, sessions: 0, ownKeys: [] };

let world: DeployWorld;
beforeEach(async () => {
  world = await deployWorld();
  world.configure('lab', { import: 'vhd', memory: 3 * 1024 * mib, cpus: 3 });
});
afterEach(() => world[Symbol.asyncDispose]());

const uploads = (): string[] => world.pool.log.map(({ name }) => name).filter((name) => name.startsWith('PUT'));
const templateNamed = (name: string): Record<string, unknown> =>
  world.pool.db.all('VM').find(({ record }) => record['name_label'] === name)?.record ?? {};
const versionOf = (name: string): unknown =>
  (templateNamed(name)['other_config'] as Record<string, string> | undefined)?.['gabarit:version'];

describe('a deployment by VHD', () => {
  it('makes a VM template of the image, with its disk byte for byte, and the next one swaps in', async () => {
    const image = await world.publish('20261123.1');
    const result = await world.deploy('debian-12');
    expect(result).toMatchObject({ outcome: 'deployed', deployment: { name: 'debian-12', digest: image.digest, drift: [] } });
    expect(uploads()).toEqual(['PUT /import_raw_vdi']);
    expect(world.left()).toEqual({ ...clean, templates: ['debian-12'], disks: 1 });
    expect(templateNamed('debian-12')).toMatchObject({
      is_a_template: true,
      power_state: 'Halted',
      memory_static_max: String(3 * 1024 * mib),
      VCPUs_max: '3',
      domain_type: 'hvm',
      HVM_boot_params: { firmware: 'bios', order: 'cdn' },
      platform: expect.objectContaining({ viridian: 'false' }) as object,
      other_config: expect.objectContaining({ 'gabarit:digest': image.digest, 'gabarit:serial': '1' }) as object,
    });
    const [disk] = world.pool.db.all('VDI');
    expect(disk?.record).toMatchObject({ name_label: 'debian-12', virtual_size: String(8 * mib) });
    expect(disk?.record['other_config']).not.toHaveProperty('gabarit:run');
    const [vbd] = world.pool.db.all('VBD');
    expect(vbd?.record).toMatchObject({ userdevice: '0', bootable: true, mode: 'RW', type: 'Disk', VDI: disk?.ref });
    expect(await digestOfFile(world.pool.diskPath(disk?.ref ?? ''))).toBe(
      await digestOfFile(join(world.folder, 'out/debian-12/20261123.1/disk.raw')),
    );
    const sent = world.events.flatMap((event) => (event.type === 'step.progress' && event.step === 'send' ? [event.done] : []));
    expect(sent.at(-1)).toBe(result.sent);

    await world.publish('20261124.1');
    expect(await world.deploy('debian-12', { test: true })).toMatchObject({ outcome: 'deployed' });
    expect(world.left()).toEqual({ ...clean, templates: ['debian-12', 'debian-12 (20261123.1)'], disks: 2 });
    expect(versionOf('debian-12')).toBe('20261124.1');
  });

  it('takes a size that no block ends with, and goes to hosts that are too old for an XVA', async () => {
    for (const { ref } of world.pool.db.all('host')) world.pool.db.set('host', ref, { API_version_minor: '10' });
    await world.publish('20261123.1', { virtualSize: 5 * mib });
    expect(await world.deploy('debian-12')).toMatchObject({ outcome: 'deployed' });
    const [disk] = world.pool.db.all('VDI');
    expect(disk?.record['virtual_size']).toBe(String(5 * mib));
    expect(await digestOfFile(world.pool.diskPath(disk?.ref ?? ''))).toBe(
      await digestOfFile(join(world.folder, 'out/debian-12/20261123.1/disk.raw')),
    );
  });
});

describe('when something breaks in the middle of a VHD', () => {
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

  it('a connection that is cut at 50 %, again and again: nothing is left', async () => {
    world.pool.faults.cutImportAt = 2.5 * mib;
    const { outcome, error } = await world.deploy('debian-12');
    expect([outcome, error?.code]).toEqual(['failed', 'TARGET_UNREACHABLE']);
    expect(uploads()).toHaveLength(2);
    expectAsBefore();
  });

  it('a connection that is cut once: it is sent again', async () => {
    world.pool.faults.cutImportAt = 2.5 * mib;
    world.pool.faults.beforeCall = (method) => {
      if (method === 'task.create' && uploads().length === 1) world.pool.faults.cutImportAt = undefined;
    };
    expect(await world.deploy('debian-12')).toMatchObject({ outcome: 'deployed' });
    expect(world.left()).toEqual({ ...clean, templates: ['debian-12', 'debian-12 (20261123.1)'], disks: 2 });
  });

  it('a storage that fills up meanwhile, and Ctrl-C: all that was made is removed', async () => {
    world.pool.faults.importFailsLate = new XapiFault('SR_FULL', ['1', '0']);
    expect((await world.deploy('debian-12')).error).toMatchObject({ code: 'TARGET_FULL' });
    expectAsBefore();
    world.pool.faults.importFailsLate = undefined;
    const controller = new AbortController();
    world.pool.faults.onImportBlock = () => controller.abort(new Error('Ctrl-C'));
    expect(await world.deploy('debian-12', { signal: controller.signal })).toMatchObject({ outcome: 'cancelled' });
    expectAsBefore();
  });

  it.each(['VBD.create', 'VM.create', 'VIF.create'])(
    'a pool that is gone at %s: the janitor finds all that is left',
    async (at) => {
      let isGone = false;
      world.pool.faults.beforeCall = (method) => {
        isGone ||= method === at;
        if (isGone) throw new XapiFault('HOST_OFFLINE', ['the host']);
      };
      expect((await world.deploy('debian-12')).outcome).toBe('failed');
      world.pool.faults.beforeCall = undefined;
      expect(world.left()).toMatchObject({ disks: 2 });
      const foreign = world.pool.db.create('VM', { name_label: 'somebody else', other_config: {} });
      await sweepTargets(['lab'], world.services, signal);
      expectAsBefore();
      expect(world.pool.db.has('VM', foreign)).toBe(true);
    },
  );
});
