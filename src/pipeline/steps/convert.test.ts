import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { builtOf, testFolder, vmOf, writeDisk } from '../../../test/disks.ts';
import * as registry from '../../formats/index.ts';
import type { Format } from '../../model/format.ts';
import { digestOf, digestOfFile } from '../../util/digest.ts';
import { AppError } from '../../util/errors.ts';
import type { EventBody } from '../../util/events.ts';
import { convertAll, lanesOf } from './convert.ts';

const { ova, qcow2, raw, vhd, vmdk, xva } = registry;
const plan = digestOf('a plan');
const shape = { size: 3 * 2 ** 20, pieces: [{ kind: 'text' as const, offset: 70_000, length: 200_000 }] };

describe('formats of one build', () => {
  it('go in two lanes: those that use all cores take turns, and machines come last', () => {
    const ids = lanesOf([xva, ova, raw, vmdk, vhd, qcow2]).map((lane) => lane.map(({ id }) => id));
    expect(ids).toEqual([
      ['vmdk', 'qcow2', 'ova'],
      ['raw', 'vhd', 'xva'],
    ]);
  });

  it('are written side by side, each as it would be alone, and come in the order that was asked for', async () => {
    await using folder = await testFolder();
    await writeDisk(folder.file('disk'), shape);
    const built = builtOf(folder.file('disk'), shape.size);
    const formats = [xva, ova, vmdk, vhd, raw];
    const events: EventBody[] = [];
    const ctx = { ...folder.ctx(), emit: (event: EventBody) => void events.push(event) };
    const { artifacts, seconds } = await convertAll(formats, built, vmOf(), plan, ctx);
    expect(artifacts.map(({ format }) => format)).toEqual(['xva', 'ova', 'vmdk', 'vhd', 'raw']);
    expect(seconds.map(([name]) => name)).toEqual(['xva', 'ova', 'vmdk', 'vhd', 'raw'].map((id) => `convert: ${id}`));
    for (const [at, format] of formats.entries()) {
      await format.write(built, folder.file('alone'), folder.ctx(), vmOf());
      expect(artifacts[at]?.digest).toBe(await digestOfFile(folder.file('alone')));
    }
    // The lanes overlap: both have begun before one has ended.
    const steps = events.flatMap((event) => ('step' in event ? [`${event.type} ${event.step}`] : []));
    const firstEnd = steps.findIndex((text) => text.startsWith('step.finished'));
    expect(steps.slice(0, firstEnd)).toEqual(expect.arrayContaining(['step.started convert: vmdk', 'step.started convert: vhd']));
  });

  it('stop when one of them fails, and leave nothing half-written', async () => {
    await using folder = await testFolder();
    await writeDisk(folder.file('disk'), shape);
    const waiting = Promise.withResolvers<void>();
    const slow: Format = {
      ...vmdk,
      id: 'slow',
      write: async (_built, _path, { signal }) => {
        waiting.resolve();
        await new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(new AppError('CANCELLED', 'Cancelled'))),
        );
      },
    };
    const failing: Format = {
      ...raw,
      id: 'failing',
      write: async (...given) => {
        await raw.write(...given);
        await waiting.promise;
        throw new AppError('DISK_FULL', 'No space left');
      },
    };
    const built = builtOf(folder.file('disk'), shape.size);
    const converting = convertAll([slow, failing, vhd], built, vmOf(), plan, folder.ctx());
    await expect(converting).rejects.toMatchObject({ code: 'DISK_FULL' });
    const files = await readdir(folder.path, { recursive: true, withFileTypes: true });
    expect(files.filter((file) => file.isFile()).map(({ name }) => name)).toEqual(['disk']);
  });
});
