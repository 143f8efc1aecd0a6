import type { App } from '../../app.ts';
import type { ServerOptions } from '../server-option.ts';
import { findServer } from './find-server.ts';
import type { Queue } from './queue.ts';
import { queueInDatabase } from './queue-in-database.ts';
import { queueOnServer } from './queue-on-server.ts';

/** Works with the queue where it is: on a server that runs, in PostgreSQL, or in the state folder of this host. */
export async function withQueue<T>(app: App, options: ServerOptions, work: (queue: Queue) => Promise<T>): Promise<T> {
  const server = await findServer(app, options);
  if (server) return work(queueOnServer(server.client));
  const db = await app.database();
  try {
    return await work(queueInDatabase(db, app.config.stateDir));
  } finally {
    await db.close();
  }
}
