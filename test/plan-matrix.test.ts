import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as registry from '../src/distros/index.ts';
import { bootstrapEngine, cloudImageEngine, installerEngine } from '../src/engines/index.ts';
import type { Distro } from '../src/model/distro.ts';
import type { Engine } from '../src/model/engine.ts';
import { loadTemplate } from '../src/pipeline/load.ts';
import { AppError } from '../src/util/errors.ts';
import { qemu } from '../src/vms/index.ts';
import { folderOf, now } from './definitions/folder.ts';

/** Every release with every engine: what can be planned, and for what reason not. The reasons stand in test/golden/plan-matrix.txt. */

const distros: Distro[] = Object.values(registry);
const engines: Engine[] = [
  bootstrapEngine({ distros, mirrors: {}, guestMirrors: {} }),
  cloudImageEngine({ distros, machines: qemu }),
  installerEngine({ distros, machines: qemu, mirrors: async () => ({}) }),
];
const file = `sha256:${'0'.repeat(64)}`;

interface Row {
  distro: Distro;
  release: string;
  engine: string;
  /** A file of the user's own. */
  own: boolean;
}

const rows: Row[] = distros.flatMap((distro) =>
  distro.releases.flatMap(({ id }) =>
    engines.flatMap((engine) =>
      (engine.id === 'bootstrap' ? [false] : [false, true]).map((own) => ({ distro, release: id, engine: engine.id, own })),
    ),
  ),
);

function definition({ distro, release, engine, own }: Row): string {
  const source = own ? `\n  options:\n    source: { url: "file:///srv/own", digest: "${file}" }` : '';
  return `name: t\ndistro: ${distro.id}\nrelease: "${release}"\nengine:\n  name: ${engine}${source}\ndisk:\n  size: 10GiB\n`;
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
      lines.push(`${row.distro.id} ${row.release}, ${row.engine}${row.own ? ', own file' : ''}: ${said.join('\n   ')}`);
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
