import { join } from 'node:path';

/** Where commands on this machine find the server that runs in a state folder. */
export function localAccessFile(stateDir: string): string {
  return join(stateDir, 'server/local.json');
}
