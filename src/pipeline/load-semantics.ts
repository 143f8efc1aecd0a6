import { type Distro, findRelease, type Release } from '../model/distro.ts';
import { provisionSteps } from '../model/provision-steps.ts';
import { formatSize } from '../model/size.ts';
import { provisionSchema, repositorySchema, type Template, templateSchema } from '../model/template.ts';
import { didYouMean } from '../util/suggest.ts';
import type { PathFault } from './load-faults.ts';
import { faultsOfIssues, plainMessage } from './load-issues.ts';
import type { Tree } from './load-tree.ts';

/** The keys of a definition that are well-formed by themselves, so that one fault does not hide another. */
export type TemplateParts = Partial<Omit<Template, 'provisioning' | 'repositories'>> & {
  provisioning: (Template['provisioning'][number] | undefined)[];
  repositories: (Template['repositories'][number] | undefined)[];
};

export function wellFormedParts(value: Record<string, unknown>): TemplateParts {
  const entries = Object.entries(templateSchema.shape).map(([key, schema]) => [key, schema.safeParse(value[key]).data]);
  const items = (list: unknown): unknown[] => (Array.isArray(list) ? list : []);
  return {
    ...(Object.fromEntries(entries) as Partial<Template>),
    provisioning: items(value.provisioning).map((item) => provisionSchema.safeParse(item).data),
    repositories: items(value.repositories).map((item) => repositorySchema.safeParse(item).data),
  };
}

const smallestDisk = 2 ** 30;
const mebibyte = 2 ** 20;

/** What a schema cannot say. `today` is an ISO date. */
export function semanticFaults(parts: TemplateParts, tree: Tree, distros: readonly Distro[], today: string): PathFault[] {
  return [
    ...releaseFaults(parts, distros),
    ...packageFaults(parts),
    ...diskFaults(parts),
    ...repositoryFaults(parts),
    ...stepFaults(parts, tree),
    ...waiverFaults(parts, today),
    ...(['arches', 'platforms', 'formats'] as const).flatMap((key) => repeatedFaults(key, parts[key] ?? [])),
  ];
}

function releaseOf({ distro: id, release }: TemplateParts, distros: readonly Distro[]): { distro?: Distro; release?: Release } {
  const distro = distros.find((candidate) => candidate.id === id);
  if (!distro || release === undefined) return {};
  const found = findRelease(distro, release);
  return found ? { distro, release: found } : { distro };
}

function releaseFaults(parts: TemplateParts, distros: readonly Distro[]): PathFault[] {
  const { distro, release } = releaseOf(parts, distros);
  if (!distro || release || parts.release === undefined) return [];
  const known = distro.releases.map(({ id, codename }) => `${id} (${codename})`).join(', ');
  // A number beside another one is not a slip.
  const names = /^\d+$/.test(parts.release) ? [] : distro.releases.map(({ codename }) => codename);
  const near = didYouMean(parts.release, names);
  return [
    {
      path: ['release'],
      message: `${distro.title} has no release ${JSON.stringify(parts.release)} here${near}`,
      hint: `Known releases: ${known}`,
    },
  ];
}

function packageFaults({ packages }: TemplateParts): PathFault[] {
  const added = new Set(packages?.add);
  return (packages?.remove ?? []).flatMap((name, index) =>
    added.has(name) ? [{ path: ['packages', 'remove', index], message: `${name} is both added and removed` }] : [],
  );
}

function diskFaults({ disk }: TemplateParts): PathFault[] {
  if (!disk) return [];
  const path = ['disk', 'size'];
  if (disk.size < smallestDisk) return [{ path, message: `must be at least 1GiB, is ${formatSize(disk.size)}` }];
  return disk.size % mebibyte === 0 ? [] : [{ path, message: 'must be a whole number of MiB' }];
}

function repositoryFaults({ repositories }: TemplateParts): PathFault[] {
  return repositories.flatMap((repository, index) => {
    const first = repositories.findIndex((other) => other && other.name === repository?.name);
    if (!repository || first === index) return [];
    return [
      {
        path: ['repositories', index, 'name'],
        message: `${JSON.stringify(repository.name)} is already the name of repositories[${first}]`,
      },
    ];
  });
}

function stepFaults({ provisioning }: TemplateParts, tree: Tree): PathFault[] {
  const seen = new Map<string, number>();
  return provisioning.flatMap((item, index) => {
    if (!item || !('step' in item)) return [];
    const faults: PathFault[] = [];
    const first = seen.get(item.step);
    if (first === undefined) seen.set(item.step, index);
    else faults.push({ path: ['provisioning', index, 'step'], message: `${item.step} is already provisioning[${first}]` });
    const { parameters } = provisionSteps[item.step];
    for (const [name, value] of Object.entries(item.with)) {
      const path = ['provisioning', index, 'with', name];
      const known = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
      if (!known) {
        const names = Object.keys(parameters);
        const hint = names.length > 0 ? `It has: ${names.join(', ')}` : 'It has none.';
        const message = `the step ${item.step} has no parameter ${JSON.stringify(name)}${didYouMean(name, names)}`;
        faults.push({ path, atKey: true, message, hint });
      } else {
        const issues = known.schema.safeParse(value, { error: plainMessage }).error?.issues ?? [];
        faults.push(...faultsOfIssues(issues, tree, {}, path));
      }
    }
    return faults;
  });
}

function waiverFaults({ hardening }: TemplateParts, today: string): PathFault[] {
  return (hardening?.waivers ?? []).flatMap(({ control, expires }, index) =>
    expires < today
      ? [
          {
            path: ['hardening', 'waivers', index, 'expires'],
            message: `the waiver of ${control} expired on ${expires}`,
            hint: 'Fix what it was for, or agree on a new date.',
          },
        ]
      : [],
  );
}

function repeatedFaults(key: string, values: readonly string[]): PathFault[] {
  return values.flatMap((value, index) =>
    values.indexOf(value) < index ? [{ path: [key, index], message: `${JSON.stringify(value)} is listed twice` }] : [],
  );
}

/** What is allowed but should be known. `today` is an ISO date. */
export function semanticWarnings(parts: TemplateParts, distros: readonly Distro[], today: string): PathFault[] {
  const warnings: PathFault[] = [];
  const { release } = releaseOf(parts, distros);
  if (release && release.endOfLife.lts < today) {
    const hint = 'No more security updates: use a newer release.';
    warnings.push({ path: ['release'], message: `all support of ${release.title} ended on ${release.endOfLife.lts}`, hint });
  } else if (release && release.endOfLife.full < today) {
    const hint = `Long-term support by volunteers lasts until ${release.endOfLife.lts}.`;
    warnings.push({ path: ['release'], message: `regular support of ${release.title} ended on ${release.endOfLife.full}`, hint });
  }
  if (parts.kernel === 'cloud' && parts.platforms?.includes('vmware')) {
    const message = 'the cloud kernel knows only the VMware devices PVSCSI, NVMe and VMXNET3, not LSI Logic and e1000';
    warnings.push({ path: ['kernel'], message, hint: 'Give the machines those devices, or use kernel: full.' });
  }
  return warnings;
}
