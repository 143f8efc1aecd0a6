import { join } from 'node:path';
import { expect, test } from 'vitest';
import { badDefinitions } from '../../test/definitions/bad-definitions.ts';
import * as distroRegistry from '../distros/index.ts';
import { bootstrapEngine } from '../engines/index.ts';
import { appErrorOf, folderOf, now } from '../../test/definitions/folder.ts';
import { loadTemplate } from './load.ts';

const distros = Object.values(distroRegistry);
const engines = [bootstrapEngine({ distros, mirrors: {}, guestMirrors: {} })];
const golden = join(import.meta.dirname, '../../test/golden/bad-definitions.txt');

test('every bad definition gets all its faults, each in its place (vitest -u writes the golden file)', async () => {
  const report: string[] = [];
  for (const { title, files } of badDefinitions) {
    const folder = folderOf(files);
    const error = await appErrorOf(loadTemplate(join(folder, 't.yaml'), { folders: [], distros, engines, now }));
    expect(error.code, title).toBe('TEMPLATE_INVALID');
    expect(error.faults.length, title).toBeGreaterThan(0);
    report.push(`## ${title}`);
    for (const { file, line, column, message, hint } of error.faults) {
      report.push(`${file}:${line}:${column}: ${message}`, ...(hint === undefined ? [] : [`    ${hint}`]));
    }
    report.push('');
    report.splice(0, report.length, ...report.map((text) => text.replaceAll(`${folder}/`, '').replaceAll(folder, '.')));
  }
  expect(badDefinitions.length).toBeGreaterThanOrEqual(40);
  await expect(report.join('\n')).toMatchFileSnapshot(golden);
});
