import { guardedPost, type GuardOptions, pinUrl } from '../clients/guarded-fetch.ts';
import type { Database } from '../jobs/database.ts';
import type { ApiWebhook } from '../model/api/access.ts';
import { AppError } from '../util/errors.ts';
import { newId, newSecret } from './access/secret-text.ts';
import type { Sealer } from './sealed-text.ts';
import { signWebhook } from './webhook-signature.ts';

/** Events that are sent to the URLs of others: kept until they have arrived, tried again for a day, each time signed anew. */
export interface Webhooks {
  list(): Promise<ApiWebhook[]>;
  /** @throws AppError USAGE for a URL that leads inward */
  create(url: string, events: string[]): Promise<ApiWebhook & { secret: string }>;
  /** The newest one before stays active; an older one ends. */
  addSecret(id: string): Promise<ApiWebhook & { secret: string }>;
  removeSecret(id: string, secret: string): Promise<void>;
  remove(id: string): Promise<void>;
  /** Sends a ping now. */
  test(id: string): Promise<{ status?: number; error?: string }>;
  /** Something happened. */
  tell(event: WebhookEvent, data: Record<string, unknown>): Promise<void>;
  /** Sends what waits, until closed. */
  start(onFault: (error: unknown) => void): void;
  close(): Promise<void>;
}

export type WebhookEvent = ApiWebhook['events'][number];

interface StoredSecret {
  id: string;
  created: string;
  sealed: string;
}

interface Row {
  id: string;
  url: string;
  events: string[];
  secrets: StoredSecret[];
  enabled: boolean;
  created: Date;
}

interface Delivery {
  id: string;
  webhook: string;
  event: string;
  body: string;
  attempt: number;
}

const lookMs = 5000;
/** Seconds until the next attempt: about a day in all. */
const waits = [10, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 28_800];

export function openWebhooks(
  database: Database,
  sealer: Sealer,
  guard: GuardOptions,
  now: () => Date = () => new Date(),
): Webhooks {
  const closing = new AbortController();
  let wake = (): void => undefined;
  let running: Promise<void> | undefined;

  async function row(id: string): Promise<Row> {
    const [found] = await database.query<Row>('SELECT * FROM webhooks WHERE id = $1', [id]);
    if (!found) throw new AppError('NOT_FOUND', `There is no webhook ${id}`);
    return found;
  }

  async function shown(found: Row): Promise<ApiWebhook> {
    const [last] = await database.query<{
      tried: Date;
      event: string;
      status: number | null;
      error: string | null;
      attempt: number;
    }>(
      'SELECT tried, event, status, error, attempt FROM webhook_deliveries WHERE webhook = $1 AND tried IS NOT NULL ORDER BY tried DESC LIMIT 1',
      [found.id],
    );
    return {
      id: found.id,
      url: found.url,
      events: found.events as ApiWebhook['events'],
      enabled: found.enabled,
      created: found.created.toISOString(),
      secrets: found.secrets.map(({ id, created }) => ({ id, created })),
      ...(last
        ? {
            last: {
              at: last.tried.toISOString(),
              event: last.event,
              attempt: last.attempt,
              ...(last.status === null ? {} : { status: last.status }),
              ...(last.error === null ? {} : { error: last.error }),
            },
          }
        : {}),
    };
  }

  function newStored(webhook: string): { stored: StoredSecret; secret: string } {
    const secret = newSecret('whsec_');
    return { secret, stored: { id: newId(), created: now().toISOString(), sealed: sealer.seal(secret, `webhook ${webhook}`) } };
  }

  async function send(
    hook: Row,
    { id, event, body }: Omit<Delivery, 'webhook' | 'attempt'>,
  ): Promise<{ status?: number; error?: string }> {
    const secrets = hook.secrets.map(({ sealed }) => sealer.open(sealed, `webhook ${hook.id}`));
    try {
      const { status } = await guardedPost(
        hook.url,
        body,
        {
          'content-type': 'application/json',
          'user-agent': 'gabarit',
          'gabarit-event': event,
          'gabarit-delivery': id,
          'gabarit-signature': signWebhook(body, secrets, now()),
        },
        { ...guard, signal: closing.signal },
      );
      return status >= 200 && status < 300 ? { status } : { status, error: `it answered ${status}` };
    } catch (error) {
      if (error instanceof AppError) return { error: error.message };
      throw error;
    }
  }

  async function sendWaiting(): Promise<void> {
    // Taken for a while, so that two servers do not send the same.
    const due = await database.query<Delivery>(
      `UPDATE webhook_deliveries SET attempt = attempt + 1, next = now() + interval '1 minute' WHERE id IN
         (SELECT id FROM webhook_deliveries WHERE next <= now() ORDER BY next LIMIT 20 FOR UPDATE SKIP LOCKED)
       RETURNING id, webhook, event, body, attempt`,
    );
    await Promise.all(
      due.map(async (delivery) => {
        const result = await send(await row(delivery.webhook), delivery);
        const wait = waits[delivery.attempt - 1];
        const next = result.error === undefined || wait === undefined ? null : wait;
        await database.query(
          `UPDATE webhook_deliveries SET status = $2, error = $3, tried = now(), next = now() + make_interval(secs => $4) WHERE id = $1`,
          [delivery.id, result.status ?? null, result.error ?? null, next],
        );
      }),
    );
    await database.query("DELETE FROM webhook_deliveries WHERE next IS NULL AND created < now() - interval '30 days'");
  }

  return {
    async list() {
      const rows = await database.query<Row>('SELECT * FROM webhooks ORDER BY created');
      return Promise.all(rows.map(shown));
    },
    async create(url, events) {
      await pinUrl(url, guard);
      const id = newId();
      const { stored, secret } = newStored(id);
      await database.query('INSERT INTO webhooks (id, url, events, secrets) VALUES ($1, $2, $3::text[], $4::jsonb)', [
        id,
        url,
        events,
        JSON.stringify([stored]),
      ]);
      return { ...(await shown(await row(id))), secret };
    },
    async addSecret(id) {
      const { secrets } = await row(id);
      const { stored, secret } = newStored(id);
      await database.query('UPDATE webhooks SET secrets = $2::jsonb WHERE id = $1', [
        id,
        JSON.stringify([...secrets.slice(-1), stored]),
      ]);
      return { ...(await shown(await row(id))), secret };
    },
    async removeSecret(id, secret) {
      const { secrets } = await row(id);
      const left = secrets.filter((stored) => stored.id !== secret);
      if (left.length === secrets.length) throw new AppError('NOT_FOUND', `The webhook ${id} has no secret ${secret}`);
      if (left.length === 0) throw new AppError('CONFLICT', 'A webhook needs a secret', { hint: 'Add a new one first.' });
      await database.query('UPDATE webhooks SET secrets = $2::jsonb WHERE id = $1', [id, JSON.stringify(left)]);
    },
    async remove(id) {
      await row(id);
      await database.query('DELETE FROM webhooks WHERE id = $1', [id]);
    },
    async test(id) {
      const hook = await row(id);
      return send(hook, { id: newId(), event: 'ping', body: JSON.stringify({ event: 'ping', at: now().toISOString() }) });
    },
    async tell(event, data) {
      const hooks = await database.query<{ id: string }>('SELECT id FROM webhooks WHERE enabled AND $1 = ANY (events)', [event]);
      for (const { id } of hooks) {
        const body = JSON.stringify({ event, at: now().toISOString(), data });
        await database.query('INSERT INTO webhook_deliveries (id, webhook, event, body) VALUES ($1, $2, $3, $4)', [
          newId(),
          id,
          event,
          body,
        ]);
      }
      if (hooks.length > 0) wake();
    },
    start(onFault) {
      running = (async () => {
        while (!closing.signal.aborted) {
          await sendWaiting().catch((error: unknown) => {
            if (!closing.signal.aborted) onFault(error);
          });
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, lookMs);
            wake = () => {
              clearTimeout(timer);
              resolve();
            };
          });
        }
      })();
    },
    async close() {
      closing.abort();
      wake();
      await running;
    },
  };
}
