import type { Deployment } from '../../model/target.ts';
import { retiredName } from './marks.ts';
import { deploymentsOf, type OwnVm, type PoolView } from './view.ts';

/** A decided VM template as a deployment, with what somebody changed about it. */
export function deploymentOf(target: string, view: PoolView, vm: OwnVm): Deployment {
  const { template, version, digest, uuid: id, name, isTemplate } = vm;
  const isCurrent = deploymentsOf(view, template)[0] === vm;
  const wanted = isCurrent ? template : retiredName(vm);
  const drift = [
    ...(name === wanted ? [] : [`it is called "${name}" instead of "${wanted}"`]),
    ...(isTemplate ? [] : ['it is no VM template any more']),
  ];
  return { target, template, version, digest, state: isCurrent ? 'current' : 'retired', id, name, drift };
}

/** Everything of ours on a pool, by template, the current one first; also what is gone, and what is being made. */
export function listDeployments(target: string, view: PoolView): Deployment[] {
  const decided = view.deployments.map((vm) => deploymentOf(target, view, vm));
  const unfinished = view.unfinished.map(({ template, version, digest, uuid: id, name, run = '' }): Deployment => {
    const by = view.leases.alive.get(run)?.by;
    const drift = by === undefined ? ['nobody was heard of who is making it'] : [];
    return { target, template, version, digest, state: 'unfinished', id, name, drift };
  });
  const present = new Set([...view.deployments, ...view.unfinished].map(({ uuid }) => uuid));
  const deleted = [...view.deployed.values()].flat().flatMap(({ template, version, digest, id }): Deployment[] =>
    present.has(id)
      ? []
      : [
          {
            target,
            template,
            version,
            digest,
            state: 'deleted',
            id,
            name: template,
            drift: ['somebody removed it from the pool'],
          },
        ],
  );
  const templates = [...new Set([...decided, ...unfinished, ...deleted].map(({ template }) => template))].toSorted();
  return templates.flatMap((template) => [...decided, ...unfinished, ...deleted].filter((item) => item.template === template));
}
