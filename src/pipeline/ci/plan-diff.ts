import type { PlanDiff } from '../../model/ci.ts';
import { changesOf } from '../../model/inventory.ts';
import { type Plan, planId } from '../../model/plan.ts';
import { canonicalJson, type Digest } from '../../util/digest.ts';

/** What differs between two plans of one template. Pure. */
export function diffPlans(from: Plan, to: Plan): PlanDiff {
  return {
    packages: changesOf(packagesOf(from), packagesOf(to)),
    provisioning: changesOf(provisioningOf(from), provisioningOf(to)),
    settings: changesOf(settingsOf(from), settingsOf(to)),
  };
}

/** The digest of all that people decide on; packages that merely became newer do not count. */
export function definitionDigest(plan: Plan): Digest {
  const { id: _, ...rest } = plan;
  return planId({ ...rest, lock: { ...rest.lock, packages: [] } });
}

/** Why an image of the second plan is another one than that of the first: sentences without a full stop. */
export function whyChanged(from: Plan, to: Plan): string[] {
  const reasons: string[] = [];
  const before = new Map(from.definitions.map(({ template, digest }) => [template, digest]));
  const changed = to.definitions.filter(({ template, digest }) => before.get(template) !== digest);
  // Whoever extends a changed definition has changed, too: the one furthest down is the reason.
  const cause = changed.at(-1)?.template;
  if (cause === to.template.name) reasons.push('its definition changed');
  else if (cause !== undefined) reasons.push(`${cause} changed, which it extends`);
  if (from.engineRevision !== to.engineRevision) reasons.push('this Gabarit makes its images in another way');
  const steps = changesOf(provisioningOf(from), provisioningOf(to));
  const shipped = Object.keys(steps.changed).filter((name) => name.startsWith('step '));
  if (shipped.length > 0 && cause === undefined)
    reasons.push(`Gabarit's own provisioning changed (${shipped.map((name) => name.slice(5)).join(', ')})`);
  const { added, removed, changed: newer } = changesOf(packagesOf(from), packagesOf(to));
  const counts = [
    [Object.keys(newer).length, 'in another version'],
    [Object.keys(added).length, 'more'],
    [Object.keys(removed).length, 'fewer'],
  ].filter(([number]) => number !== 0);
  if (counts.length > 0) reasons.push(`packages: ${counts.map(([number, what]) => `${number} ${what}`).join(', ')}`);
  return reasons.length > 0 ? reasons : ['its plan changed'];
}

function packagesOf({ lock }: Plan): Record<string, string> {
  const installed = lock.packages.filter(({ role }) => role === 'image');
  return Object.fromEntries(installed.map(({ name, architecture, version }) => [`${name}:${architecture}`, version]));
}

function provisioningOf({ provisioning }: Plan): Record<string, string> {
  return Object.fromEntries(provisioning.map(({ kind, name, digest }) => [`${kind} ${name}`, digest]));
}

function settingsOf({ template }: Plan): Record<string, string> {
  // What is done has lines of its own.
  const { provisioning: _, ...settings } = template;
  return Object.fromEntries(leaves(settings, ''));
}

function leaves(value: unknown, path: string): [string, string][] {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    return [[path, typeof value === 'string' ? value : canonicalJson(value)]];
  return Object.entries(value).flatMap(([key, item]) => leaves(item, path === '' ? key : `${path}.${key}`));
}
