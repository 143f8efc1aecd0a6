import type { Catalog } from '../model/catalog.ts';
import type { TargetListing } from '../model/deploy.ts';

/** Adds to deployments whose image was revoked in a catalog why it was. */
export async function markRevoked(listings: readonly TargetListing[], catalog: Pick<Catalog, 'list'>): Promise<TargetListing[]> {
  const reasons = new Map<string, string>();
  for (const { images } of await catalog.list()) {
    for (const { digest, revoked } of images) if (revoked) reasons.set(digest, revoked.reason);
  }
  return listings.map((listing) => ({
    ...listing,
    deployments: listing.deployments.map((deployment) => {
      const revoked = reasons.get(deployment.digest);
      return revoked === undefined ? deployment : { ...deployment, revoked };
    }),
  }));
}
