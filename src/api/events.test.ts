import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiWorld, makeApiWorld } from '../../test/api-world.ts';
import { addEvents } from '../jobs/job-events.ts';
import { apiPrefix } from '../model/api/contract.ts';

let world: ApiWorld;

beforeAll(async () => {
  world = await makeApiWorld();
});

afterAll(async () => {
  await world.remove();
});

interface Seen {
  ids: number[];
  names: string[];
  isEnd: boolean;
}

/** Reads a stream as a browser does, and breaks it off somewhere in the middle after `mostBytes`. */
async function read(path: string, lastId: string | undefined, mostBytes: number): Promise<Seen> {
  const cut = new AbortController();
  const answer = await fetch(`${world.url}${apiPrefix}${path}`, {
    signal: cut.signal,
    headers: { authorization: `Bearer ${world.token}`, ...(lastId === undefined ? {} : { 'last-event-id': lastId }) },
  });
  expect(answer.headers.get('content-type')).toContain('text/event-stream');
  let text = '';
  try {
    for await (const chunk of answer.body ?? []) {
      text += Buffer.from(chunk).toString('utf8');
      if (text.length >= mostBytes) break;
    }
  } finally {
    cut.abort();
  }
  // What has no empty line after it has not arrived.
  const whole = text.slice(0, Math.min(text.length, mostBytes)).split('\n\n').slice(0, -1);
  const field = (event: string, name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(event)?.[1];
  const ids = whole.flatMap((event) => field(event, 'id') ?? []).map(Number);
  const names = whole.flatMap((event) => field(event, 'event') ?? []);
  return { ids, names, isEnd: names.includes('end') };
}

/** A thousand with GABARIT_SLOW. */
const wanted = process.env['GABARIT_SLOW'] === undefined ? 100 : 1000;

test(`${wanted} reconnects: no gap, and nothing twice`, { timeout: wanted * 1000 }, async () => {
  const { database } = world.served.parts;
  const { id } = (await world.call('POST /jobs', { body: { request: { kind: 'build', template: 'debian-12' } } })).body as {
    id: string;
  };
  const total = wanted * 3;
  let written = 1;
  let isDone = false;
  const writing = (async () => {
    while (written < total) {
      const count = Math.min(3, total - written);
      await addEvents(
        database,
        id,
        Array.from({ length: count }, (_, n) => ({
          type: 'step.started',
          step: `s${written + n}`,
          title: 'x'.repeat((written * 7) % 90),
        })),
      );
      written += count;
    }
    await world.call(`POST /jobs/${id}/cancel`);
    isDone = true;
  })();
  const seen: number[] = [];
  let reconnects = 0;
  let isEnd = false;
  // Where it breaks off is different each time, in the middle of an event, too.
  for (let size = 0; !isEnd; size = (size * 31 + 17) % 701) {
    const part = await read(
      `/jobs/${id}/events`,
      seen.length === 0 ? undefined : String(seen.at(-1)),
      reconnects < wanted ? 300 + size : Number.POSITIVE_INFINITY,
    );
    seen.push(...part.ids);
    isEnd = part.isEnd;
    reconnects += 1;
  }
  await writing;
  expect(isDone).toBe(true);
  expect(reconnects).toBeGreaterThanOrEqual(wanted);
  // One of the queue at the beginning, one at the end.
  expect(seen).toEqual(Array.from({ length: total + 1 }, (_, n) => n + 1));
});

test('the stream of all jobs tells of each that changes, to those who may see it', async () => {
  const other = await world.user('stranger', [{ role: 'viewer', templates: 'web-*', channels: '*' }]);
  const listen = async (token: string): Promise<string> => {
    const cut = new AbortController();
    const answer = await fetch(`${world.url}${apiPrefix}/events`, {
      signal: AbortSignal.any([cut.signal, AbortSignal.timeout(3000)]),
      headers: { authorization: `Bearer ${token}` },
    });
    let text = '';
    try {
      for await (const chunk of answer.body ?? []) {
        text += Buffer.from(chunk).toString('utf8');
        if (text.includes('"state":"cancelled"')) break;
      }
    } catch {
      // Its time is over.
    } finally {
      cut.abort();
    }
    return text;
  };
  const heard = Promise.all([listen(world.token), listen(other)]);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const { id } = (await world.call('POST /jobs', { body: { request: { kind: 'build', template: 'debian-13' } } })).body as {
    id: string;
  };
  await world.call(`POST /jobs/${id}/cancel`);
  const [mine, his] = await heard;
  expect(mine).toContain('event: job');
  expect(mine).toContain(id);
  expect(his).not.toContain(id);
});

/** What the stream of all jobs says first, so that who is cut off before anything changes misses nothing. */
async function placeNow(): Promise<string> {
  const answer = await fetch(`${world.url}${apiPrefix}/events`, { headers: { authorization: `Bearer ${world.token}` } });
  let text = '';
  let place: string | undefined;
  for await (const chunk of answer.body ?? []) {
    text += Buffer.from(chunk).toString('utf8');
    place = /^id: (\d+)$/m.exec(text)?.[1];
    if (place !== undefined) break;
  }
  if (place === undefined) throw new Error(`no place in ${text}`);
  return place;
}

test('whoever is cut off from the stream of all jobs goes on from his place, and hears how each job is', {
  timeout: 120_000,
}, async () => {
  const { jobs } = world.served.parts;
  let place = await placeNow();
  const ids = new Set<string>();
  const heard = new Map<string, string>();
  let isDone = false;
  const changing = (async () => {
    for (let n = 0; n < 60; n += 1) {
      const { job } = await jobs.enqueue({ kind: 'build', template: `cut-${n}` }, { requestedBy: 'me' });
      ids.add(job.id);
      if (n % 2 === 0) await jobs.cancel(job.id, 'me');
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    isDone = true;
  })();
  let reconnects = 0;
  const isWhole = (): boolean => isDone && [...ids].every((id, n) => heard.get(id) === (n % 2 === 0 ? 'cancelled' : 'queued'));
  for (; !isWhole(); reconnects += 1) {
    const cut = AbortSignal.timeout(50 + ((reconnects * 131) % 900));
    const answer = await fetch(`${world.url}${apiPrefix}/events`, {
      signal: cut,
      headers: { authorization: `Bearer ${world.token}`, 'last-event-id': place },
    }).catch(() => undefined);
    let text = '';
    try {
      for await (const chunk of answer?.body ?? []) text += Buffer.from(chunk).toString('utf8');
    } catch {
      // Cut off, as it was to be.
    }
    for (const event of text.split('\n\n').slice(0, -1)) {
      place = /^id: (\d+)$/m.exec(event)?.[1] ?? place;
      const job = /^event: job\ndata: (.*)$/m.exec(event)?.[1];
      if (job === undefined) continue;
      const { id, state } = JSON.parse(job) as { id: string; state: string };
      heard.set(id, state);
    }
    if (reconnects > 200) throw new Error(`missed: ${[...ids].filter((id) => !heard.has(id)).join(' ')}`);
  }
  await changing;
  expect(reconnects).toBeGreaterThan(3);
  const refused = await world.call('GET /events', { headers: { 'last-event-id': '999999999' } });
  expect(refused.status).toBe(400);
  for (const id of ids) await jobs.cancel(id, 'me');
});

test('a place in another stream is refused', async () => {
  const { id } = (await world.call('POST /jobs', { body: { request: { kind: 'build', template: 'debian-11' } } })).body as {
    id: string;
  };
  expect((await world.call(`GET /jobs/${id}/events`, { headers: { 'last-event-id': 'x' } })).status).toBe(400);
  expect((await world.call('GET /jobs/nothing/events')).status).toBe(404);
  await world.call(`POST /jobs/${id}/cancel`);
});
