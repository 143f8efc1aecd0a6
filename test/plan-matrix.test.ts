import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as registry from '../src/distros/index.ts';
import { bootstrapEngine, cloudImageEngine, installerEngine, packerEngine } from '../src/engines/index.ts';
import { builders } from '../src/engines/packer/options.ts';
import type { Distro } from '../src/model/distro.ts';
import type { Engine } from '../src/model/engine.ts';
import { loadTemplate } from '../src/pipeline/load.ts';
import { AppError } from '../src/util/errors.ts';
import { qemu } from '../src/vms/index.ts';
import { folderOf, now } from './definitions/folder.ts';
import { packerCases } from './packer-folders.ts';

/** Every release with every engine, and every builder of Packer: what can be planned, and for what reason not. The reasons stand in test/golden/plan-matrix.txt. */

const distros: Distro[] = Object.values(registry);
const engines: Engine[] = [
  bootstrapEngine({ distros, mirrors: {}, guestMirrors: {} }),
  cloudImageEngine({ distros, machines: qemu }),
  installerEngine({ distros, machines: qemu, mirrors: async () => ({}) }),
  packerEngine({ distros, proveKvm: () => Promise.reject(new Error('nothing is built here')) }),
];
const file = `sha256:${'0'.repeat(64)}`;

interface Row {
  distro: Distro;
  release: string;
  engine: string;
  /** Of Packer. */
  builder?: string;
  /** A file of the user's own. */
  own: boolean;
}

/** Whose own file an engine may start from. */
const ways: Pick<Row, 'engine' | 'builder' | 'own'>[] = [
  { engine: 'bootstrap', own: false },
  ...['cloud-image', 'installer'].flatMap((engine) => [false, true].map((own) => ({ engine, own }))),
  ...builders.flatMap(({ id, from }) =>
    (from === 'platform' ? [false] : [false, true]).map((own) => ({ engine: 'packer', builder: id, own })),
  ),
];

const rows: Row[] = distros.flatMap((distro) =>
  distro.releases.flatMap(({ id }) => ways.map((way) => ({ distro, release: id, ...way }))),
);

function definition({ distro, release, engine, builder, own }: Row): string {
  const options = {
    ...(builder === undefined ? {} : { builder, ...placeOf(builder) }),
    ...(own ? { source: { url: 'file:///srv/own', digest: file } } : {}),
  };
  const lines = Object.keys(options).length > 0 ? `\n  options: ${JSON.stringify(options)}` : '';
  return `name: t\ndistro: ${distro.id}\nrelease: "${release}"\nengine:\n  name: ${engine}${lines}\ndisk:\n  size: 10GiB\n`;
}

/** What a builder's own place needs; the file is said by the row. */
function placeOf(builder: string): Record<string, unknown> {
  const { source: _, ...place } = packerCases.find((known) => known.builder === builder)?.options ?? {};
  return place;
}

/** `yes`, or the faults with their places. */
async function verdict(row: Row): Promise<string[]> {
  const folder = folderOf({ 't.yaml': definition(row) });
  try {
    await loadTemplate(join(folder, 't.yaml'), { folders: [folder], distros, engines, now, allowEndOfLife: true });
    return ['yes'];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    expect(error.code).toBe('TEMPLATE_INVALID');
    return error.faults.map(({ file: path, line, column, message, hint }) => {
      // Each says where, and what to do.
      expect([path, line, column].every((part) => part !== undefined)).toBe(true);
      expect(hint, message).toBeDefined();
      return `t.yaml:${line}:${column}: ${message}\n      ${hint}`;
    });
  }
}

describe('the plan of every release with every engine', () => {
  test('is made, or refused with a place, a reason and a hint', async () => {
    const lines: string[] = [];
    for (const row of rows) {
      const said = await verdict(row);
      const engine = [row.engine, ...(row.builder === undefined ? [] : [row.builder])].join(' ');
      lines.push(`${row.distro.id} ${row.release}, ${engine}${row.own ? ', own file' : ''}: ${said.join('\n   ')}`);
    }
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(join(import.meta.dirname, 'golden/plan-matrix.txt'));
  });

  test('is made for every release by some engine, with a file of the user’s own at the least', async () => {
    for (const distro of distros) {
      for (const { id } of distro.releases) {
        const said = await Promise.all(rows.filter((row) => row.distro === distro && row.release === id).map(verdict));
        expect(
          said.some(([first]) => first === 'yes'),
          `${distro.id} ${id}`,
        ).toBe(true);
      }
    }
  });
});
