import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ApiWorld, makeApiWorld } from '../../test/api-world.ts';
import { addEvents } from '../jobs/job-events.ts';
import { type ApiClient, openClient } from './client.ts';

let world: ApiWorld;
let client: ApiClient;

beforeAll(async () => {
  world = await makeApiWorld();
  client = openClient({ url: world.url, token: world.token });
});

afterAll(async () => {
  await world.remove();
});

test('calls are typed by the contract, and errors come with their code, hint and places', async () => {
  const { items } = await client.call('GET /images', { query: { limit: 1 } });
  expect(items[0]?.version).toBe('20261102.1');
  const { manifest } = await client.call('GET /images/:template/:version', {
    params: { template: 'debian-12', version: '20261102.1' },
    query: {},
  });
  expect(manifest.template).toBe('debian-12');
  await expect(
    client.call('GET /images/:template/:version', { params: { template: 'debian-12', version: '20991231.1' }, query: {} }),
  ).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(
    client.call('PUT /templates/:template', { params: { template: 'x' }, body: { yaml: 'name: x\nextends: y\n' } }),
  ).rejects.toMatchObject({ code: 'TEMPLATE_INVALID', faults: [{ line: 2 }] });
  await expect(openClient({ url: world.url }).call('GET /templates', {})).rejects.toMatchObject({ code: 'NOT_LOGGED_IN' });
  await expect(openClient({ url: 'http://127.0.0.1:1' }).call('GET /templates', {})).rejects.toMatchObject({
    code: 'TARGET_UNREACHABLE',
  });
});

test('events are followed over broken connections to the end of the job', async () => {
  const { id } = await client.call('POST /jobs', {
    body: { request: { kind: 'build', template: 'debian-12' } },
    idempotencyKey: 'once',
  });
  const cutting = openClient({
    url: world.url,
    token: world.token,
    async fetch(...args) {
      const answer = await fetch(...args);
      // Every connection ends after a few hundred bytes, in the middle of a message.
      let left = 700;
      const cut = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          controller.enqueue(chunk.subarray(0, left));
          left -= chunk.length;
          if (left <= 0) controller.error(new TypeError('terminated'));
        },
      });
      return new Response(answer.body?.pipeThrough(cut), answer);
    },
  });
  const writing = (async () => {
    for (let n = 0; n < 40; n += 1) await addEvents(world.served.parts.database, id, [{ type: 'step.started', step: `s${n}` }]);
    await client.call('POST /jobs/:job/cancel', { params: { job: id } });
  })();
  const seen: number[] = [];
  for await (const { seq } of cutting.events(id)) seen.push(seq);
  await writing;
  expect(seen).toEqual(Array.from({ length: 42 }, (_, n) => n + 1));
});
