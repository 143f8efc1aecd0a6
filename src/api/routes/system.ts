import { backupStream } from '../../jobs/backup.ts';
import type { systemContract } from '../../model/api/system.ts';
import { contract } from '../../model/api/contract.ts';
import { AppError } from '../../util/errors.ts';
import { metricsText } from '../metrics.ts';
import { openApiOf } from '../openapi.ts';
import type { Parts } from '../parts.ts';
import type { Handlers } from '../route.ts';

export function systemRoutes(parts: Parts): Handlers<typeof systemContract> {
  const { app, database, users, oidc, stores } = parts;
  const description = openApiOf(contract, app.version);
  const check = async (name: string, work: () => Promise<unknown>): Promise<{ name: string; ok: boolean; message: string }> => {
    try {
      await work();
      return { name, ok: true, message: '' };
    } catch (error) {
      // Anybody may ask: no details.
      return { name, ok: false, message: error instanceof Error && 'code' in error ? String(error.code) : 'failed' };
    }
  };
  return {
    'GET /health': () => ({ ok: true }),
    async 'GET /ready'({ reply }) {
      const checks = await Promise.all([
        check('database', () => database.query('SELECT 1')),
        ...stores.map(({ name }) => check(`store ${name}`, () => parts.view(name).indexes())),
      ]);
      const ready = checks.every(({ ok }) => ok);
      if (!ready) void reply.header('retry-after', '5');
      return { ready, checks };
    },
    async 'GET /about'() {
      return {
        version: app.version,
        setupNeeded: await users.isEmpty(),
        login: { password: true, ...(oidc ? { oidc: oidc.title } : {}) },
        stores: stores.map(({ name, url }) => ({ name, url })),
        writableTemplates: true,
      };
    },
    async 'GET /signing-key'() {
      const key = await app.keys.signingKey();
      return key ? { fingerprint: key.public.id, trust: `gabarit key trust --store STORE --fingerprint ${key.public.id}` } : {};
    },
    async 'GET /metrics'() {
      return { body: await metricsText(parts) };
    },
    'POST /backup'({ caller }) {
      // Hashes of passwords and tokens leave the house by no other way than to who can read the database anyway.
      if (caller.by !== 'machine')
        throw new AppError('FORBIDDEN', 'A backup is made on the machine of the server', { hint: 'gabarit db backup FILE' });
      return { body: backupStream(database) };
    },
    'GET /openapi.json': () => description,
  };
}
