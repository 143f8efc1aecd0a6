import { join } from 'node:path';
import { createApp } from '../../src/app.ts';
import type { DeployWorld } from '../deploy-world.ts';

/** Publishes small images to the store of a world as people do: with a key, which is made now. */
export async function publishSigned(
  world: DeployWorld,
  versions: readonly string[],
  environment: Record<string, string>,
): Promise<void> {
  const app = await createApp({ cacheDir: join(world.folder, 'cache') }, environment);
  const { signal } = new AbortController();
  await app.keys.make();
  for (const version of versions)
    await app.publish(await world.build(version), `file:${join(world.folder, 'store')}`, {}, signal);
}
