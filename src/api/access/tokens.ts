import type { ApiToken, Grant } from '../../model/api/access.ts';
import type { Database } from '../../jobs/database.ts';
import { AppError } from '../../util/errors.ts';
import type { Caller } from './caller.ts';
import { hashSecret, newId, newSecret, tokenPrefix } from './secret-text.ts';

/** API tokens, for programs. */
export interface Tokens {
  /** It lasts at most 90 days, and is shown this once. */
  create(name: string, title: string, limits: Grant[] | undefined, days: number): Promise<ApiToken & { token: string }>;
  find(token: string): Promise<Caller | undefined>;
  list(name: string | undefined): Promise<ApiToken[]>;
  /** Of this user, or of any when undefined. @throws AppError NOT_FOUND */
  remove(id: string, name: string | undefined): Promise<void>;
}

interface Row {
  id: string;
  title: string;
  name: string;
  kind: 'local' | 'oidc';
  grants: Grant[];
  limits: Grant[] | null;
  created: Date;
  expires: Date;
  last_used: Date | null;
}

const select =
  'SELECT t.id, t.title, t.name, t.limits, t.created, t.expires, t.last_used, u.kind, u.grants FROM tokens t JOIN users u USING (name)';

export function openTokens(database: Database, now: () => Date = () => new Date()): Tokens {
  return {
    async create(name, title, limits, days) {
      const token = newSecret(tokenPrefix);
      const id = newId();
      const time = now();
      const expires = new Date(time.getTime() + Math.min(days, 90) * 86_400_000);
      await database.query(
        'INSERT INTO tokens (hash, id, title, name, limits, created, expires) VALUES ($1, $2, $3, $4, $5, $6, $7)',
        [hashSecret(token), id, title, name, limits ? JSON.stringify(limits) : null, time, expires],
      );
      const [row] = await database.query<Row>(`${select} WHERE t.id = $1`, [id]);
      return { ...tokenOf(row as Row), token };
    },
    async find(token) {
      const time = now();
      const [row] = await database.query<Row>(`${select} WHERE t.hash = $1 AND t.expires > $2 AND u.enabled`, [
        hashSecret(token),
        time,
      ]);
      if (!row) return undefined;
      if (!row.last_used || time.getTime() - row.last_used.getTime() > 60_000) {
        await database.query('UPDATE tokens SET last_used = $2 WHERE id = $1', [row.id, time]);
      }
      const { id, name, kind, grants, limits, expires } = row;
      return { name, kind, by: 'token', id, grants, ...(limits ? { limits } : {}), expires };
    },
    async list(name) {
      const where = name === undefined ? '' : ' WHERE t.name = $1';
      const rows = await database.query<Row>(`${select}${where} ORDER BY t.created DESC`, name === undefined ? [] : [name]);
      return rows.map(tokenOf);
    },
    async remove(id, name) {
      const rows = await database.query('DELETE FROM tokens WHERE id = $1 AND ($2::text IS NULL OR name = $2) RETURNING id', [
        id,
        name ?? null,
      ]);
      if (rows.length === 0) throw new AppError('NOT_FOUND', `There is no token ${id}`);
    },
  };
}

function tokenOf({ id, title, name, grants, limits, created, expires, last_used: used }: Row): ApiToken {
  return {
    id,
    name: title,
    user: name,
    grants: limits ?? grants,
    created: created.toISOString(),
    expires: expires.toISOString(),
    ...(used ? { lastUsed: used.toISOString() } : {}),
  };
}
