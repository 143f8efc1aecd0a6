import type { ApiUser, Grant } from '../../model/api/access.ts';
import type { Database, Queryable } from '../../jobs/database.ts';
import { AppError } from '../../util/errors.ts';
import { hashPassword, isPassword } from './password.ts';
import { hashSecret, newSecret } from './secret-text.ts';

/** The accounts. */
export interface Users {
  isEmpty(): Promise<boolean>;
  /** A new token for the first account, as long as there is none; the one before is void. */
  newSetupToken(): Promise<string | undefined>;
  /** Makes the first account. @throws AppError FORBIDDEN for a wrong token; CONFLICT when there is an account */
  setUp(token: string, name: string, password: string): Promise<void>;
  /** Whether name and password are those of a user who may log in. */
  isRight(name: string, password: string): Promise<boolean>;
  /** The user of an OpenID subject, made when there is none and grants are given. */
  ofSubject(subject: string, name: string, grants: Grant[] | undefined): Promise<string | undefined>;
  list(): Promise<ApiUser[]>;
  get(name: string): Promise<ApiUser | undefined>;
  create(name: string, password: string | undefined, grants: Grant[]): Promise<ApiUser>;
  /** Ends the user's sessions when the password, the grants or the right to log in change. @throws AppError NOT_FOUND, CONFLICT */
  change(
    name: string,
    change: { grants?: Grant[] | undefined; enabled?: boolean | undefined; password?: string | undefined },
  ): Promise<ApiUser>;
  /** Of a user who is logged in and stays so. */
  changeOwnPassword(name: string, password: string): Promise<void>;
  remove(name: string): Promise<void>;
}

interface Row {
  name: string;
  kind: 'local' | 'oidc';
  grants: Grant[];
  enabled: boolean;
  created: Date;
  last_login: Date | null;
}

const columns = 'name, kind, grants, enabled, created, last_login';
const admin: Grant[] = [{ role: 'admin', templates: '*', channels: '*' }];

export function openUsers(database: Database): Users {
  const get = async (name: string, on: Queryable = database): Promise<ApiUser | undefined> => {
    const [row] = await on.query<Row>(`SELECT ${columns} FROM users WHERE name = $1`, [name]);
    return row && userOf(row);
  };

  /** Somebody must be left who can let others in. */
  async function mustLeaveAdmin(tx: Queryable): Promise<void> {
    const rows = await tx.query<Row>(`SELECT ${columns} FROM users WHERE enabled`);
    const isAdmin = ({ grants }: Row): boolean => grants.some(({ role, templates }) => role === 'admin' && templates === '*');
    if (rows.some(isAdmin)) return;
    throw new AppError('CONFLICT', 'Nobody would be left who is an admin', { hint: 'Make somebody else an admin first.' });
  }

  async function insert(
    tx: Queryable,
    name: string,
    kind: string,
    fields: { password?: string; subject?: string; grants: Grant[] },
  ): Promise<void> {
    const rows = await tx.query(
      'INSERT INTO users (name, kind, password, subject, grants) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING name',
      [name, kind, fields.password ?? null, fields.subject ?? null, JSON.stringify(fields.grants)],
    );
    if (rows.length === 0) throw new AppError('CONFLICT', `There is a user ${name} already`, { hint: 'Choose another name.' });
  }

  const isEmpty = async (): Promise<boolean> => (await database.query('SELECT 1 FROM users LIMIT 1')).length === 0;

  return {
    isEmpty,
    async newSetupToken() {
      if (!(await isEmpty())) return undefined;
      const token = newSecret('setup-');
      await database.query(
        "INSERT INTO server_facts VALUES ('setup', $1) ON CONFLICT (name) DO UPDATE SET value = EXCLUDED.value",
        [JSON.stringify({ hash: hashSecret(token) })],
      );
      return token;
    },
    async setUp(token, name, password) {
      const hashed = await hashPassword(password);
      await database.transaction(async (tx) => {
        const [fact] = await tx.query<{ value: { hash: string } }>(
          "DELETE FROM server_facts WHERE name = 'setup' RETURNING value",
        );
        const users = await tx.query('SELECT 1 FROM users LIMIT 1');
        if (users.length > 0) throw new AppError('CONFLICT', 'This server is set up already', { hint: 'Log in.' });
        if (fact?.value.hash !== hashSecret(token)) {
          throw new AppError('FORBIDDEN', 'This is not the token that the server printed', {
            hint: 'It is printed when the server starts; each start voids the one before.',
          });
        }
        await insert(tx, name, 'local', { password: hashed, grants: admin });
      });
    },
    async isRight(name, password) {
      const [row] = await database.query<{ password: string | null; enabled: boolean }>(
        "SELECT password, enabled FROM users WHERE name = $1 AND kind = 'local'",
        [name],
      );
      const isSame = await isPassword(password, row?.password ?? undefined);
      return isSame && row?.enabled === true;
    },
    async ofSubject(subject, name, grants) {
      const [row] = await database.query<Row>(`SELECT ${columns} FROM users WHERE subject = $1`, [subject]);
      if (row) {
        if (grants) await database.query('UPDATE users SET grants = $2 WHERE name = $1', [row.name, JSON.stringify(grants)]);
        return row.enabled ? row.name : undefined;
      }
      if (!grants) return undefined;
      await insert(database, name, 'oidc', { subject, grants });
      return name;
    },
    async list() {
      return (await database.query<Row>(`SELECT ${columns} FROM users ORDER BY name`)).map(userOf);
    },
    get: (name) => get(name),
    async create(name, password, grants) {
      if (password === undefined)
        throw new AppError('USAGE', `The user ${name} needs a first password`, {
          hint: 'Users of OpenID make their accounts by logging in.',
        });
      await insert(database, name, 'local', { password: await hashPassword(password), grants });
      return (await get(name)) as ApiUser;
    },
    async change(name, { grants, enabled, password }) {
      const hashed = password === undefined ? undefined : await hashPassword(password);
      return database.transaction(async (tx) => {
        const before = await get(name, tx);
        if (!before) throw unknownUser(name);
        if (hashed !== undefined && before.kind === 'oidc')
          throw new AppError('USAGE', `${name} logs in at the OpenID provider, without a password`);
        await tx.query(
          'UPDATE users SET grants = coalesce($2, grants), enabled = coalesce($3, enabled), password = coalesce($4, password) WHERE name = $1',
          [name, grants ? JSON.stringify(grants) : null, enabled ?? null, hashed ?? null],
        );
        await mustLeaveAdmin(tx);
        await tx.query('DELETE FROM sessions WHERE name = $1', [name]);
        if (enabled === false) await tx.query('DELETE FROM tokens WHERE name = $1', [name]);
        return (await get(name, tx)) as ApiUser;
      });
    },
    async changeOwnPassword(name, password) {
      await database.query("UPDATE users SET password = $2 WHERE name = $1 AND kind = 'local'", [
        name,
        await hashPassword(password),
      ]);
    },
    async remove(name) {
      await database.transaction(async (tx) => {
        const rows = await tx.query('DELETE FROM users WHERE name = $1 RETURNING name', [name]);
        if (rows.length === 0) throw unknownUser(name);
        await mustLeaveAdmin(tx);
      });
    },
  };
}

function unknownUser(name: string): AppError {
  return new AppError('NOT_FOUND', `There is no user ${name}`);
}

function userOf({ name, kind, grants, enabled, created, last_login: lastLogin }: Row): ApiUser {
  return {
    name,
    kind,
    grants,
    enabled,
    created: created.toISOString(),
    ...(lastLogin ? { lastLogin: lastLogin.toISOString() } : {}),
  };
}
