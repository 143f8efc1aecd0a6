import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeOutputFolder } from '../../test/fakes/output-folder.ts';
import { openFileStore } from '../stores/file.ts';
import { AppError } from '../util/errors.ts';
import { start } from '../util/exec.ts';
import { readIndex } from './index-file.ts';
import { publish } from './publish.ts';

let folder: string;
let store: ReturnType<typeof openFileStore>;
const emit = (): void => undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'publish-job-'));
  store = openFileStore(`file:${join(folder, 'store')}`);
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const output = (name: string, version: string) => writeOutputFolder(join(folder, name), 'web', version);
const versions = async (): Promise<string[]> => (await readIndex(store, 'web'))?.images.map(({ version }) => version) ?? [];

test('a job publishes one image: whoever comes second gets that of the first', async () => {
  const first = await publish(await output('a', '20261125.1'), store, { emit, job: 'j1' });
  const second = await publish(await output('b', '20261125.2'), store, { emit, job: 'j1', channel: 'dev' });
  expect(second.digest).toBe(first.digest);
  await publish(await output('c', '20261125.3'), store, { emit, job: 'j2' });
  expect(await versions()).toEqual(['20261125.3', '20261125.1']);
});

test('twenty attempts of one job at once publish one image', async () => {
  const outputs = await Promise.all(Array.from({ length: 20 }, (_, n) => output(`h${n}`, `20261125.${n + 1}`)));
  const published = await Promise.all(outputs.map((path) => publish(path, store, { emit, job: 'j1' })));
  expect(new Set(published.map(({ digest }) => digest)).size).toBe(1);
  expect(await versions()).toHaveLength(1);
});

test('who may not write any more leaves the index as it is', async () => {
  await publish(await output('a', '20261125.1'), store, { emit, job: 'j1' });
  const permit = async (): Promise<void> => {
    throw new AppError('FENCED', 'another worker has the job');
  };
  const late = publish(await output('b', '20261125.2'), store, { emit, job: 'j2', permit });
  await expect(late).rejects.toMatchObject({ code: 'FENCED' });
  expect(await versions()).toEqual(['20261125.1']);
});

test('a publisher that sleeps with the permit in its hand publishes nothing beside the one who took over', async () => {
  const request = { output: await output('zombie', '20261125.1'), store: store.url, stateDir: folder, job: 'j1' };
  const child = start([process.execPath, join(import.meta.dirname, '../../test/fakes/sleeping-publisher.ts')]);
  child.stdin?.end(JSON.stringify(request));
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  await expect.poll(() => stateOf(child.pid ?? 0), { timeout: 30_000, interval: 50 }).toBe('T');
  await publish(await output('heir', '20261125.2'), store, { emit, job: 'j1' });
  child.kill('SIGCONT');
  expect(await closed).toBe(0);
  expect(await versions()).toEqual(['20261125.2']);
});

/** `T`: stopped. */
async function stateOf(pid: number): Promise<string> {
  if (!existsSync(`/proc/${pid}/stat`)) return 'gone';
  return /\) (.)/.exec(await readFile(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '';
}
