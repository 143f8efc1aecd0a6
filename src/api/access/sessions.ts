import type { Grant } from '../../model/api/access.ts';
import type { Database } from '../../jobs/database.ts';
import type { Caller } from './caller.ts';
import { hashSecret, newId, newSecret } from './secret-text.ts';

/** Who is logged in: a random id in a cookie, of which only the hash is kept. */
export interface Sessions {
  /** Returns the secret for the cookie. */
  open(name: string): Promise<{ secret: string; expires: Date }>;
  find(secret: string): Promise<Caller | undefined>;
  close(id: string): Promise<void>;
  /** All of a user but one. */
  closeOthers(name: string, id: string): Promise<void>;
}

export const longest = { idleMinutes: 8 * 60, hours: 24 };

interface Row {
  id: string;
  name: string;
  kind: 'local' | 'oidc';
  grants: Grant[];
  expires: Date;
}

export function openSessions(database: Database, now: () => Date = () => new Date()): Sessions {
  return {
    async open(name) {
      const secret = newSecret();
      const time = now();
      const expires = new Date(time.getTime() + longest.hours * 3_600_000);
      await database.query('DELETE FROM sessions WHERE expires < $1 OR seen < $2', [time, idleSince(time)]);
      await database.query('INSERT INTO sessions (hash, id, name, created, seen, expires) VALUES ($1, $2, $3, $4, $4, $5)', [
        hashSecret(secret),
        newId(),
        name,
        time,
        expires,
      ]);
      await database.query('UPDATE users SET last_login = $2 WHERE name = $1', [name, time]);
      return { secret, expires };
    },
    async find(secret) {
      const time = now();
      const [row] = await database.query<Row & { seen: Date }>(
        `SELECT s.id, s.name, s.expires, s.seen, u.kind, u.grants FROM sessions s JOIN users u USING (name)
         WHERE s.hash = $1 AND s.expires > $2 AND s.seen > $3 AND u.enabled`,
        [hashSecret(secret), time, idleSince(time)],
      );
      if (!row) return undefined;
      if (time.getTime() - row.seen.getTime() > 60_000)
        await database.query('UPDATE sessions SET seen = $2 WHERE id = $1', [row.id, time]);
      return { name: row.name, kind: row.kind, by: 'session', id: row.id, grants: row.grants, expires: row.expires };
    },
    close: async (id) => void (await database.query('DELETE FROM sessions WHERE id = $1', [id])),
    closeOthers: async (name, id) => void (await database.query('DELETE FROM sessions WHERE name = $1 AND id <> $2', [name, id])),
  };
}

function idleSince(time: Date): Date {
  return new Date(time.getTime() - longest.idleMinutes * 60_000);
}
