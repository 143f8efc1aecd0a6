import type { Distro } from '../model/distro.ts';
import { provisionSteps } from '../model/provision-steps.ts';
import { formatSize } from '../model/size.ts';
import { provisionSchema, repositorySchema, type Template, templateSchema } from '../model/template.ts';
import { didYouMean } from '../util/suggest.ts';
import type { PathFault } from './load-faults.ts';
import { faultsOfIssues, plainMessage } from './load-issues.ts';
import { releaseFaults, releaseOf, supportWarnings } from './load-support.ts';
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
    ...packageFaults(parts, distros),
    ...distroFaults(parts, distros),
    ...diskFaults(parts),
    ...repositoryFaults(parts),
    ...stepFaults(parts, tree),
    ...waiverFaults(parts, today),
    ...(['arches', 'platforms', 'formats'] as const).flatMap((key) => repeatedFaults(key, parts[key] ?? [])),
  ];
}

const aptName = /^[a-z0-9][a-z0-9+.-]+$/;

function packageFaults(parts: TemplateParts, distros: readonly Distro[]): PathFault[] {
  const { packages } = parts;
  const { distro } = releaseOf(parts, distros);
  const added = new Set(packages?.add);
  const names = (['add', 'remove'] as const).flatMap((list) =>
    (packages?.[list] ?? []).map((name, index) => ({ name, path: ['packages', list, index] })),
  );
  return [
    ...names.flatMap(({ name, path }) =>
      distro?.family === 'apt' && !aptName.test(name)
        ? [
            {
              path,
              message: `${JSON.stringify(name)} cannot be the name of a package of ${distro.title}: lower-case letters, digits, "+", "-" and ".", two at least`,
            },
          ]
        : [],
    ),
    ...(packages?.remove ?? []).flatMap((name, index) =>
      added.has(name) ? [{ path: ['packages', 'remove', index], message: `${name} is both added and removed` }] : [],
    ),
  ];
}

/** What the distribution has not. */
function distroFaults(parts: TemplateParts, distros: readonly Distro[]): PathFault[] {
  const { distro, release } = releaseOf(parts, distros);
  if (!distro || !release) return [];
  const faults: PathFault[] = [];
  const { kernel } = release.guest;
  if (parts.kernel === 'cloud' && !kernel.cloud) {
    faults.push({ path: ['kernel'], message: `${release.title} has no smaller kernel`, hint: 'Use kernel: full.' });
  } else if (parts.kernel === 'cloud') {
    for (const [index, platform] of (parts.platforms ?? []).entries()) {
      const why = kernel.cloudLacks?.[platform];
      if (why === undefined) continue;
      const hint = `Use kernel: full, or leave ${platform} out.`;
      faults.push({
        path: ['platforms', index],
        message: `the cloud kernel of ${release.title} does not serve ${platform}: ${why}`,
        hint,
      });
    }
  }
  if (parts.snapshot !== undefined && !distro.bootstrap) {
    faults.push({
      path: ['snapshot'],
      message: `${distro.title} is not made from a snapshot of its packages`,
      hint: 'Remove it.',
    });
  }
  if (distro.family !== 'apt' && parts.repositories.length > 0) {
    const hint = `Add it with a script of your own, in provisioning.`;
    faults.push({
      path: ['repositories'],
      message: `further repositories are for distributions with apt; ${distro.title} uses ${distro.family}`,
      hint,
    });
  }
  return faults;
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
  const warnings = supportWarnings(parts, distros, today);
  if (parts.kernel === 'cloud' && parts.distro === 'debian' && parts.platforms?.includes('vmware')) {
    const message = 'the cloud kernel knows only the VMware devices PVSCSI, NVMe and VMXNET3, not LSI Logic and e1000';
    warnings.push({ path: ['kernel'], message, hint: 'Give the machines those devices, or use kernel: full.' });
  }
  return warnings;
}
