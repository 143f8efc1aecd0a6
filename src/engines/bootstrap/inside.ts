import { type BaseRequest, buildBase } from './base.ts';
import { rm } from 'node:fs/promises';
import { serveInside } from './inside-protocol.ts';
import { provisionDisk, type ProvisionRequest } from './provision.ts';

/** Removes folders whose files belong to users that exist only inside the namespace. */
export interface RemoveRequest {
  op: 'remove';
  paths: string[];
}

await serveInside(async (message, ctx) => {
  const request = message as BaseRequest | ProvisionRequest | RemoveRequest;
  if (request.op === 'base') return await buildBase(request, ctx);
  if (request.op === 'provision') return await provisionDisk(request, ctx);
  for (const path of request.paths) await rm(path, { recursive: true, force: true });
  return {};
});
