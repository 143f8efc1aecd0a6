import type { FastifyRequest } from 'fastify';
import type { Database } from '../jobs/database.ts';
import { digestOfJson } from '../util/digest.ts';
import { AppError } from '../util/errors.ts';
import type { Caller } from './access/caller.ts';

/** A request that carries an Idempotency-Key is carried out once: sent again, it gets the same answer. Keys are remembered for a day. */
export interface IdempotencyKeys {
  once<T>(request: FastifyRequest, caller: Caller, route: string, body: unknown, work: () => Promise<T>): Promise<T>;
}

export function openIdempotencyKeys(database: Database): IdempotencyKeys {
  return {
    async once(request, { name }, route, body, work) {
      const key = request.headers['idempotency-key'];
      if (key === undefined) return work();
      if (typeof key !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(key)) {
        throw new AppError('USAGE', 'An Idempotency-Key is 1 to 128 printable characters');
      }
      const asked = digestOfJson([route, request.url, body ?? null]);
      await database.query(
        "DELETE FROM idempotency_keys WHERE created < now() - interval '1 day' OR (answer IS NULL AND created < now() - interval '2 minutes')",
      );
      const taken = await database.query(
        'INSERT INTO idempotency_keys (name, key, request) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING key',
        [name, key, asked],
      );
      if (taken.length === 0) return (await answerBefore(database, name, key, asked)) as Awaited<ReturnType<typeof work>>;
      try {
        const answer = await work();
        await database.query('UPDATE idempotency_keys SET answer = $3 WHERE name = $1 AND key = $2', [
          name,
          key,
          JSON.stringify(answer),
        ]);
        return answer;
      } catch (error) {
        // Nothing was done: it may be tried again.
        await database.query('DELETE FROM idempotency_keys WHERE name = $1 AND key = $2', [name, key]);
        throw error;
      }
    },
  };
}

async function answerBefore(database: Database, name: string, key: string, asked: string): Promise<unknown> {
  const [row] = await database.query<{ request: string; answer: unknown }>(
    'SELECT request, answer FROM idempotency_keys WHERE name = $1 AND key = $2',
    [name, key],
  );
  if (row && row.request !== asked) {
    throw new AppError('CONFLICT', 'This Idempotency-Key was used for another request', {
      hint: 'Use a new key for each request.',
      details: { status: 422 },
    });
  }
  if (!row?.answer) throw new AppError('CONFLICT', 'The same request is being carried out just now', { hint: 'Wait a moment.' });
  return row.answer;
}
