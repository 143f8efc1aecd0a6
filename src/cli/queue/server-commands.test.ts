import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiWorld, makeApiWorld } from '../../../test/api-world.ts';
import { type GabaritProcess, startGabarit } from '../../../test/e2e/gabarit-process.ts';
import { hasEnded, until } from '../../../test/job-world.ts';
import { apiPrefix } from '../../model/api/contract.ts';
import type { Job } from '../../model/job.ts';
import { errorTable } from '../../util/errors.ts';

/** Real commands, each a process, at a server that has the state folder of the machine; a job is a small script that speaks as one. */

let world: ApiWorld;

/** Says a step and its end; waits in between as long as the file `hold` is there. */
const job = `read -r order
case "$order" in *debian-13*) echo '{"type":"error","code":"CHECK_FAILED","message":"not fit","hint":"look"}'; exit;; esac
echo '{"seq":1,"time":"2026-11-26T00:00:00.000Z","run":"debian-12","type":"step.started","step":"convert","title":"Convert"}'
while [ -e "$1/hold" ]; do sleep 0.1; done
echo '{"seq":2,"time":"2026-11-26T00:00:01.000Z","run":"debian-12","type":"step.finished","step":"convert","durationMs":1000,"reused":false}'
echo '{"type":"result","result":{"outcome":"done","version":"20261126.1","published":{"template":"debian-12","version":"20261126.1","digest":"sha256:1"}}}'
`;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'server-commands-'));
  await writeFile(join(folder, 'job.sh'), job);
  world = await makeApiWorld({ concurrency: 2, command: ['sh', join(folder, 'job.sh'), folder] });
});

afterAll(async () => {
  await world.remove();
  await rm(folder, { recursive: true });
});

const hold = (): Promise<void> => writeFile(join(folder, 'hold'), '');
const letGo = (): Promise<void> => rm(join(folder, 'hold'), { force: true });

function command(args: string[], env: Record<string, string> = {}): GabaritProcess {
  return startGabarit(args, {
    cacheDir: join(world.folder, 'cache'),
    outputDir: join(world.folder, 'out'),
    env: { HOME: world.folder, GABARIT_STATE: join(world.folder, 'state'), NODE_COMPILE_CACHE: join(folder, 'compiled'), ...env },
  });
}

async function answerOf<T>(args: string[], env: Record<string, string> = {}): Promise<T> {
  const run = command(args, env);
  const code = await run.ended;
  if (code !== 0) throw new Error(`${args.join(' ')}: ${code}\n${JSON.stringify(run.lines)}\n${run.stderr.join('\n')}`);
  return run.lines.at(-1) as T;
}

describe('on the machine of the server, nobody types a token', () => {
  test('jobs and schedules are those of the server, and the audit log says who it was', async () => {
    const made = await answerOf<{ id: string; labels: string[] }[]>([
      'schedules',
      'add',
      'nightly',
      '0 3 * * *',
      '--build',
      'debian-12',
      '--store',
      `file:${join(world.folder, 'store')}`,
      '--labels',
      'kvm',
    ]);
    expect(made).toMatchObject([{ id: 'nightly', labels: ['kvm'], request: { publish: {} } }]);
    expect(await world.served.parts.schedules.list()).toMatchObject([{ id: 'nightly' }]);
    const { id } = await answerOf<Job>(['schedules', 'run', 'nightly']);
    expect(await answerOf<Job[]>(['jobs', 'ls', '--state', 'queued,running'])).toMatchObject([{ id, labels: ['kvm'] }]);
    expect(await answerOf<Job[]>(['jobs', 'cancel', id])).toMatchObject([{ id, state: 'cancelled' }]);
    expect(await answerOf(['jobs', 'show', id])).toMatchObject({
      id,
      events: [{ seq: 1 }, { event: { type: 'job.cancelled' } }],
    });
    expect(await answerOf(['jobs', 'retry', id])).toMatchObject({ id, state: 'queued' });
    await world.served.parts.jobs.cancel(id, 'test');
    expect(await answerOf(['schedules', 'rm', 'nightly'])).toEqual([]);
    const [entry] = await world.served.parts.audit.page({ limit: 1, matches: ({ action }) => action === 'retryJob' });
    expect(entry).toMatchObject({ by: 'machine', outcome: 'done' });
  });

  test('a backup is made while the server runs, and by nobody from elsewhere', async () => {
    const file = join(world.folder, 'gabarit.backup');
    const report = await answerOf<{ tables: Record<string, number> }>(['db', 'backup', file]);
    expect(report.tables).toMatchObject({ users: 1, tokens: 1 });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const env = { GABARIT_STATE: join(world.folder, 'restored') };
    expect(await answerOf(['db', 'restore', file], env)).toMatchObject({ tables: report.tables });
    const refused = await world.call('POST /backup');
    expect(refused).toMatchObject({ status: 403, body: { hint: 'gabarit db backup FILE' } });
  });

  test('the file is for its user alone, and its token moves no channels and makes no tokens', async () => {
    const file = join(world.folder, 'state/server/local.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const { token } = JSON.parse(await readFile(file, 'utf8')) as { token: string };
    expect(await world.call('GET /session', { as: token })).toMatchObject({ status: 200, body: { by: 'machine' } });
    const [, version] = world.versions;
    for (const [route, body] of [
      ['PUT /channels/debian-12/dev', { version, seen: 'none' }],
      ['POST /tokens', { name: 'mine', days: 1 }],
    ] as const)
      expect(await world.call(route, { as: token, body }), route).toMatchObject({ status: 403 });
    expect(await world.served.parts.database.query('SELECT * FROM tokens WHERE hash = $1', [token])).toEqual([]);
  });
});

describe('gabarit build --server', () => {
  test('shows the events of the job as they come, and ends as it ends', async () => {
    const run = command(['build', 'debian-12', '--server', 'local', '--channel', 'dev']);
    expect(await run.ended).toBe(0);
    expect(run.lines.map(({ type }) => type)).toEqual(['log', 'step.started', 'step.finished', 'result']);
    expect(run.lines.at(-1)).toMatchObject({
      results: [{ template: 'debian-12', outcome: 'done', version: '20261126.1', published: { version: '20261126.1' } }],
    });
    const failed = command(['build', 'debian-13', '--server', 'local']);
    expect(await failed.ended).toBe(errorTable.CHECK_FAILED.exit);
    expect(failed.lines.at(-1)).toMatchObject({
      results: [{ outcome: 'failed', error: { code: 'CHECK_FAILED', hint: 'look' } }],
    });
  });

  test('Ctrl-C ends the job; not one that somebody else asked for; a terminal that closes ends nothing', async () => {
    await hold();
    const { jobs } = world.served.parts;
    const watch = async (more: string[] = []): Promise<{ run: GabaritProcess; id: string }> => {
      const run = command(['build', 'debian-12', '--server', 'local', ...more]);
      while (!run.lines.some(({ type }) => type === 'step.started')) await sleep(50);
      const [running] = await jobs.list({ states: ['running'] });
      return { run, id: running?.id ?? '' };
    };
    const mine = await watch();
    const other = await watch();
    expect(other.id).toBe(mine.id);
    other.run.kill('SIGINT');
    expect(await other.run.ended).toBe(130);
    expect((await jobs.get(mine.id)).cancelRequested).toBe(false);
    mine.run.kill('SIGINT');
    expect(await mine.run.ended).toBe(130);
    expect(mine.run.lines.at(-1)).toMatchObject({ type: 'result', results: [{ outcome: 'cancelled' }] });
    expect(await jobs.get(mine.id)).toMatchObject({ state: 'cancelled' });
    const left = await watch(['--force']);
    left.run.kill('SIGHUP');
    expect(await left.run.ended).toBe(130);
    expect(await jobs.get(left.id)).toMatchObject({ state: 'running', cancelRequested: false });
    await letGo();
    expect(await until(jobs, left.id, hasEnded)).toMatchObject({ state: 'done' });
    const log = command(['jobs', 'logs', left.id, '--follow']);
    expect(await log.ended).toBe(0);
    expect(log.lines.map(({ type }) => type)).toEqual(['step.started', 'step.finished', 'result']);
  });

  test('--detach only asks', async () => {
    await hold();
    const asked = await answerOf<{ jobs: { job: string; isNew: boolean }[] }>([
      'build',
      'debian-12',
      '--server',
      'local',
      '--detach',
    ]);
    expect(asked).toMatchObject({ type: 'queued', jobs: [{ template: 'debian-12', isNew: true }] });
    await letGo();
    await until(world.served.parts.jobs, asked.jobs[0]?.job ?? '', hasEnded);
  });

  test('what only one way of building knows is refused in the other', async () => {
    for (const [args, what] of [
      [['build', 'debian-12', '--server', 'local', '--plan', 'x'], '--plan'],
      [['build', 'debian-12', '--server', 'local', '--newer-than', '20261126.1'], '--newer-than'],
      [['build', './mine.yaml', '--server', 'local'], './mine.yaml'],
      [['build', 'debian-12', '--channel', 'dev'], '--channel'],
      [['build', 'debian-12', '--detach'], '--detach'],
    ] as const) {
      const run = command([...args]);
      expect(await run.ended, what).toBe(2);
      expect(JSON.stringify(run.lines.at(-1)), what).toContain(what);
    }
  });
});

describe('a server elsewhere', () => {
  test('is asked in the name of the token', async () => {
    const token = await world.user('carl', [{ role: 'builder', templates: '*', channels: '*' }]);
    // A machine that knows nothing of the server.
    const env = { GABARIT_STATE: join(world.folder, 'elsewhere'), GABARIT_SERVER: world.url };
    const file = join(world.folder, 'token');
    await writeFile(file, `${token}\n`);
    await hold();
    const asked = await answerOf<{ jobs: { job: string }[] }>(['build', 'debian-12', '--detach', '--token-file', file], env);
    const id = asked.jobs[0]?.job ?? '';
    expect(await answerOf<Job[]>(['jobs', 'ls', '--limit', '1'], { ...env, GABARIT_TOKEN: token })).toMatchObject([
      { id, requestedBy: 'carl' },
    ]);
    await letGo();
    await until(world.served.parts.jobs, id, hasEnded);
    for (const [more, code, text] of [
      [{}, 'CONFIG_INVALID', 'GABARIT_TOKEN'],
      [{ GABARIT_TOKEN: 'gbt_wrong' }, 'NOT_LOGGED_IN', 'token'],
      [{ GABARIT_SERVER: 'http://127.0.0.1:1', GABARIT_TOKEN: token }, 'TARGET_UNREACHABLE', 'running'],
      [{ GABARIT_SERVER: 'nonsense' }, 'USAGE', 'gabarit.example'],
      [{ GABARIT_SERVER: 'local' }, 'NOT_FOUND', 'gabarit serve'],
    ] as const) {
      const run = command(['jobs', 'ls'], { ...env, ...more });
      expect(await run.ended).not.toBe(0);
      expect(run.lines.at(-1), code).toMatchObject({ code });
      expect(JSON.stringify(run.lines.at(-1)), code).toContain(text);
    }
  });
});

test('the whole log comes in parts by the API, to who may see it', async () => {
  const [last] = await world.served.parts.jobs.list({ states: ['done'], limit: 1 });
  const other = await world.user('stranger', [{ role: 'viewer', templates: 'web-*', channels: '*' }]);
  expect(await world.call(`GET /jobs/${last?.id}/output?position=0`, { as: other })).toMatchObject({ status: 404 });
  const answer = await fetch(`${world.url}${apiPrefix}/jobs/${last?.id}/output`, {
    headers: { authorization: `Bearer ${world.token}` },
  });
  const part = (await answer.json()) as { events: { type: string }[]; next: number; end: boolean };
  expect(part).toMatchObject({ attempt: 1, end: true, events: [{ type: 'step.started' }, {}, {}] });
  expect(await world.call(`GET /jobs/${last?.id}/output?position=${part.next}`)).toMatchObject({
    body: { events: [], end: true },
  });
});
