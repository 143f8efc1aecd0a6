import type { contract } from '../../model/api/contract.ts';
import type { Parts } from '../parts.ts';
import type { Handlers } from '../route.ts';
import { accountRoutes, sessionRoutes } from './access.ts';
import { channelRoutes, imageRoutes } from './images.ts';
import { jobRoutes } from './jobs.ts';
import { systemRoutes } from './system.ts';
import { targetRoutes } from './targets.ts';
import { templatesRoutes } from './templates.ts';
import { webhookRoutes } from './webhooks.ts';

/** Handlers for the whole contract: a route without one does not pass the type checker. */
export function allRoutes(parts: Parts): Handlers<typeof contract> {
  return {
    ...systemRoutes(parts),
    ...sessionRoutes(parts),
    ...accountRoutes(parts),
    ...webhookRoutes(parts),
    ...templatesRoutes(parts),
    ...jobRoutes(parts),
    ...imageRoutes(parts),
    ...channelRoutes(parts),
    ...targetRoutes(parts),
  };
}
