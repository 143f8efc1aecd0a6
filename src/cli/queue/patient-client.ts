import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from '../../api/client.ts';
import { AppError } from '../../util/errors.ts';
import type { FoundServer } from './find-server.ts';

const pauseMs = 1000;

/**
 * A client that waits for a server which is away: jobs outlive it, so whoever watches one waits, too. When it comes back on this machine, it
 * may have another port and wants another token, which `again` finds. Only what changes nothing is asked twice.
 */
export function patientClient(
  first: ApiClient,
  again: () => Promise<FoundServer | undefined>,
  { patienceMs, signal }: { patienceMs: number; signal: AbortSignal },
): ApiClient {
  let client = first;
  return {
    async call(route, asked) {
      for (const since = performance.now(); ; ) {
        try {
          return await client.call(route, { ...asked, signal });
        } catch (error) {
          const isAway = error instanceof AppError && (error.code === 'TARGET_UNREACHABLE' || error.code === 'NOT_LOGGED_IN');
          if (!isAway || !route.startsWith('GET ') || performance.now() - since > patienceMs) throw error;
          await sleep(pauseMs, undefined, { signal });
          client = (await again().catch(() => undefined))?.client ?? client;
        }
      }
    },
    events: (...asked) => client.events(...asked),
    milestones: (job) => client.milestones(job),
    backup: () => client.backup(),
  };
}
