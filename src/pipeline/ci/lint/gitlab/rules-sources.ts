import { type Place, type Tree, treeAt } from '../../../load-tree.ts';
import { commit, imageDigest } from '../patterns.ts';
import { type Finding, textAt } from '../workflow.ts';
import type { Pipeline, PipelineRule } from './pipeline.ts';

/** Whose code runs. */
export const pipelineSourceRules: PipelineRule[] = [
  {
    id: 'include-not-pinned',
    hint: 'Name the commit (ref: <40 hex digits>, component: …@<40 hex digits>), or the digest of a remote file (integrity: sha256-…).',
    find: ({ files }) => files.flatMap(({ root }) => listed(treeAt(root, ['include'])).flatMap((entry) => includeFinding(entry))),
  },
  {
    id: 'image-not-pinned',
    hint: 'Name the digest: image@sha256:<64 hex digits>',
    find: (pipeline) =>
      imagesOf(pipeline)
        .filter(({ image }) => image !== '' && !image.includes('$') && !imageDigest.test(image))
        .map(({ image, place }) => ({ place, message: `${image} is whatever its registry serves today` })),
  },
  {
    id: 'docker-in-docker',
    hint: 'Run Gabarit on the runner itself, as an ordinary user: it needs user namespaces only.',
    find: (pipeline) =>
      imagesOf(pipeline)
        .filter(({ image, service }) => service && /(^|\/)docker:[^@]*dind/.test(image))
        .map(({ place }) => ({
          place,
          message: 'Docker inside a job wants a privileged runner, and whoever runs a job there is root on it',
        })),
  },
];

function listed(tree: Tree | undefined): Tree[] {
  return tree?.kind === 'list' ? tree.items : tree ? [tree] : [];
}

function includeFinding(entry: Tree): Finding[] {
  const text = entry.kind === 'scalar' ? String(entry.value ?? '') : undefined;
  const remote = text !== undefined && /^https?:/.test(text) ? text : textAt(entry, ['remote']);
  if (remote !== undefined && textAt(entry, ['integrity']) === undefined) {
    return [{ place: treeAt(entry, ['remote'])?.place ?? entry.place, message: `${remote} is whatever that server answers` }];
  }
  const project = textAt(entry, ['project']);
  if (project !== undefined && !commit.test(textAt(entry, ['ref']) ?? '')) {
    return [{ place: treeAt(entry, ['project'])?.place ?? entry.place, message: `${project} is whatever its owner puts there` }];
  }
  const component = textAt(entry, ['component']);
  if (component !== undefined && !commit.test(component.split('@').at(-1) ?? '')) {
    return [
      { place: treeAt(entry, ['component'])?.place ?? entry.place, message: `${component} is whatever its owner puts there` },
    ];
  }
  return [];
}

function imagesOf({ jobs }: Pipeline): { image: string; place: Place; service: boolean }[] {
  return jobs.flatMap(({ tree }) => {
    const of = (value: Tree | undefined, service: boolean): { image: string; place: Place; service: boolean }[] => {
      const named = value?.kind === 'map' ? treeAt(value, ['name']) : value;
      return named?.kind === 'scalar' ? [{ image: String(named.value ?? ''), place: named.place, service }] : [];
    };
    return [...of(treeAt(tree, ['image']), false), ...listed(treeAt(tree, ['services'])).flatMap((item) => of(item, true))];
  });
}
