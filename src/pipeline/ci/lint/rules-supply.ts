import { treeAt } from '../../load-tree.ts';
import { imageDigest } from './patterns.ts';
import type { Rule, Workflow } from './workflow.ts';
import { namesOf, textAt } from './workflow.ts';

const sha = /@[0-9a-f]{40}$/;

/** Whose code runs: what a name stands for may change, what a digest stands for cannot. */
export const supplyRules: Rule[] = [
  {
    id: 'action-not-pinned',
    hint: 'Name the commit, and the version in a comment: owner/name@<40 hex digits> # v1.2.3',
    find: (workflow) =>
      workflow.jobs.flatMap((job) =>
        job.steps.flatMap((step) => {
          const tree = treeAt(step.tree, ['uses']);
          const foreign = step.uses !== undefined && !step.uses.startsWith('./') && !step.uses.startsWith('docker://');
          return foreign && tree && !sha.test(step.uses ?? '')
            ? [{ place: tree.place, message: `${step.uses} is whatever its owner puts there` }]
            : [];
        }),
      ),
  },
  {
    id: 'workflow-not-pinned',
    hint: 'Name the commit: owner/name/.github/workflows/file.yml@<40 hex digits>',
    find: (workflow) =>
      workflow.jobs.flatMap((job) => {
        const tree = treeAt(job.tree, ['uses']);
        const uses = textAt(job.tree, ['uses']);
        return uses !== undefined && tree && !uses.startsWith('./') && !sha.test(uses)
          ? [{ place: tree.place, message: `${uses} is whatever its owner puts there` }]
          : [];
      }),
  },
  {
    id: 'image-not-pinned',
    hint: 'Name the digest: image@sha256:<64 hex digits>',
    find: (workflow) =>
      imagesOf(workflow)
        .filter(({ image }) => !image.includes('${{') && !imageDigest.test(image))
        .map(({ image, place }) => ({ place, message: `${image} is whatever its registry serves today` })),
  },
];

function imagesOf(workflow: Workflow): { image: string; place: Workflow['root']['place'] }[] {
  return workflow.jobs.flatMap((job) => {
    const container = treeAt(job.tree, ['container']);
    const services = treeAt(job.tree, ['services']);
    const trees = [
      container?.kind === 'map' ? treeAt(container, ['image']) : container,
      ...namesOf(services).map((name) => services && treeAt(services, [name, 'image'])),
      ...job.steps.flatMap((step) => (step.uses?.startsWith('docker://') ? [treeAt(step.tree, ['uses'])] : [])),
    ];
    return trees.flatMap((tree) => (tree?.kind === 'scalar' ? [{ image: String(tree.value), place: tree.place }] : []));
  });
}
