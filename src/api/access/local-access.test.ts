import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLocalAccess, readLocalServer } from './local-access.ts';

let folder: string;
let file: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'local-access-'));
  file = join(folder, 'server/local.json');
});

afterAll(() => rm(folder, { recursive: true }));

const open = () => openLocalAccess(file, { user: 'ann', url: 'http://127.0.0.1:1' });

test('the token is in a file for one user, and void with its end', async () => {
  const access = await open();
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const { token = '' } = (await readLocalServer(file)) ?? {};
  expect(access.find(token)).toMatchObject({ name: 'ann', by: 'machine' });
  expect(access.find(`${token}x`)).toBeUndefined();
  await access.close();
  expect(access.find(token)).toBeUndefined();
  expect(await readdir(join(folder, 'server'))).toEqual([]);
});

test('what a killed server left behind is no server; what is not ours is none either', async () => {
  const access = await open();
  const said = JSON.parse(await readFile(file, 'utf8')) as { pid: number; start: string };
  // Its number may be that of another process now.
  for (const wrong of [{ ...said, start: '1' }, { ...said, pid: 2 ** 22 + 1 }, { url: 'x' }, 'nonsense']) {
    await writeFile(file, JSON.stringify(wrong));
    expect(await readLocalServer(file)).toBeUndefined();
  }
  await access.close();
});

test('the end of one server leaves the file of the next', async () => {
  const first = await open();
  const second = await open();
  await first.close();
  const { token = '' } = (await readLocalServer(file)) ?? {};
  expect(second.find(token)).toBeDefined();
  await second.close();
});
