import type { Client } from 'pg';

/**
 * Hears notifications of PostgreSQL for a whole process, by one connection that is opened when somebody listens and again whenever it
 * breaks. What was said meanwhile is lost: whoever listens looks by himself from time to time, too.
 */
export interface Listener {
  listen(channel: string, heard: (payload: string) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

const againMs = 1000;

export function openListener(url: string): Listener {
  const ears = new Map<string, Set<(payload: string) => void>>();
  let isClosed = false;
  let client: Client | undefined;
  let connecting: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function connect(): Promise<void> {
    const { default: pg } = await import('pg');
    const fresh = new pg.Client({ connectionString: url, application_name: 'gabarit listen', keepAlive: true });
    const again = (): void => {
      if (client === fresh) client = undefined;
      clearTimeout(timer);
      if (!isClosed) timer = setTimeout(() => void connect(), againMs);
    };
    fresh.on('error', again);
    fresh.on('end', again);
    fresh.on('notification', ({ channel, payload = '' }) => {
      for (const heard of ears.get(channel) ?? []) heard(payload);
    });
    try {
      await fresh.connect();
      client = fresh;
      for (const channel of ears.keys()) await fresh.query(`LISTEN ${channel}`);
    } catch {
      again(); // It is tried again; nobody waits for it.
    }
  }

  return {
    async listen(channel, heard) {
      const isNew = !ears.has(channel);
      const listeners = ears.get(channel) ?? new Set();
      ears.set(channel, listeners.add(heard));
      await (connecting ??= connect());
      if (isNew) await client?.query(`LISTEN ${channel}`).catch(() => undefined);
      return async () => void listeners.delete(heard);
    },
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await connecting;
      await client?.end();
    },
  };
}
