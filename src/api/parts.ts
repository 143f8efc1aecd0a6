import type { App } from '../app.ts';
import type { Database } from '../jobs/database.ts';
import type { Jobs } from '../jobs/queue.ts';
import type { Schedules } from '../jobs/schedules.ts';
import type { Catalog } from '../model/catalog.ts';
import type { Lockout } from './access/attempts.ts';
import type { Sessions } from './access/sessions.ts';
import type { Tokens } from './access/tokens.ts';
import type { Users } from './access/users.ts';
import type { AuditLog } from './audit-log.ts';
import type { CatalogView } from './catalog-view.ts';
import type { Consoles } from './consoles.ts';
import type { Oidc } from './access/oidc.ts';
import type { Origins } from './http/origin.ts';
import type { Webhooks } from './webhooks.ts';

/** A store of this server, by the name that requests use. */
export interface NamedStore {
  name: string;
  /** What the configuration calls it, or its URL. */
  reference: string;
  url: string;
}

/** What the routes work with. */
export interface Parts {
  app: App;
  database: Database;
  jobs: Jobs;
  schedules: Schedules;
  users: Users;
  sessions: Sessions;
  tokens: Tokens;
  lockout: Lockout;
  audit: AuditLog;
  origins: Origins;
  oidc: Oidc | undefined;
  webhooks: Webhooks;
  consoles: Consoles;
  stores: NamedStore[];
  /** @throws AppError NOT_FOUND */
  storeNamed: (name: string | undefined) => NamedStore;
  /** The catalog of a store as it was a moment ago. @throws AppError NOT_FOUND */
  view: (store: string | undefined) => CatalogView;
  /** To change it, in somebody's name. */
  catalogFor: (store: string | undefined, by: string, options?: { allowUnsupported?: boolean }) => Promise<Catalog>;
  /** The value of a credential reference. @throws AppError CONFIG_INVALID */
  credential: (reference: string) => Promise<string>;
  now: () => Date;
}
