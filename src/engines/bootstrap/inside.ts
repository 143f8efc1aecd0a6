import { type BaseRequest, buildBase } from './base.ts';
import { rm } from 'node:fs/promises';
import { serveInside } from './inside-protocol.ts';
import { provisionDisk, type ProvisionRequest } from './provision.ts';

/** Removes folders whose files belong to users that exist only inside the namespace. */
export interface RemoveRequest {
  op: 'remove';
  paths: string[];
}

await serveInside(async (request: BaseRequest | ProvisionRequest | RemoveRequest, ctx): Promise<unknown> => {
  switch (request.op) {
    case 'base':
      return buildBase(request, ctx);
    case 'provision':
      return provisionDisk(request, ctx);
    case 'remove':
      for (const path of request.paths) await rm(path, { recursive: true, force: true });
      return {};
  }
});
