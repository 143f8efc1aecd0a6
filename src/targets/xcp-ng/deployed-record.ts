import { z } from 'zod';
import type { ImageIdentity } from '../../model/target.ts';

/** What was deployed, in other_config of the pool: only by it can be seen that somebody removed a VM template. */

const prefix = 'gabarit:deployed:';

export interface DeployedRecord extends ImageIdentity {
  /** The UUID of the VM template. */
  id: string;
}

const recordSchema = z.array(z.object({ id: z.string(), version: z.string(), digest: z.string() }));

export function deployedKey(template: string): string {
  return prefix + template;
}

export function formatDeployed(records: readonly DeployedRecord[]): string {
  return JSON.stringify(records.map(({ id, version, digest }) => ({ id, version, digest })));
}

/** By template. What cannot be read is left out: it only serves to tell of what is gone. */
export function readDeployed(otherConfig: Readonly<Record<string, string>>): Map<string, DeployedRecord[]> {
  const found = new Map<string, DeployedRecord[]>();
  for (const [key, value] of Object.entries(otherConfig)) {
    if (!key.startsWith(prefix)) continue;
    const template = key.slice(prefix.length);
    found.set(
      template,
      readOne(value).map((record) => ({ template, ...record })),
    );
  }
  return found;
}

function readOne(value: string): z.output<typeof recordSchema> {
  try {
    return recordSchema.parse(JSON.parse(value));
  } catch {
    return [];
  }
}
