import { treeAt } from '../../load-tree.ts';
import { toStable } from './patterns.ts';
import { placeWithin, publishes, type Rule, scriptsOf, textAt } from './workflow.ts';

/** What reaches those who use the images. */
export const publishingRules: Rule[] = [
  {
    id: 'stable-without-review',
    hint: 'Write "environment: stable", and give that environment reviewers.',
    find: (workflow) =>
      workflow.jobs
        .filter(({ tree }) => !tree.entries.has('environment'))
        .flatMap((job) =>
          scriptsOf(job).flatMap(({ run, place }) => {
            const found = toStable.exec(run)?.[0];
            return found === undefined
              ? []
              : [
                  {
                    place: placeWithin(workflow, place, found),
                    message: `The job "${job.id}" moves the channel "stable" without anybody's review`,
                  },
                ];
          }),
        ),
  },
  {
    id: 'publishing-not-queued',
    hint: 'Write "concurrency: { group: publish, cancel-in-progress: false }".',
    find: ({ root, jobs }) =>
      root.entries.has('concurrency')
        ? []
        : jobs
            .filter((job) => publishes(job) && !job.tree.entries.has('concurrency'))
            .map((job) => ({ place: job.place, message: `Two runs of the job "${job.id}" publish at the same time` })),
  },
  {
    id: 'failed-check-ignored',
    hint: 'Remove continue-on-error: what is not proven must not be published.',
    find: ({ jobs }) =>
      jobs.filter(publishes).flatMap((job) =>
        job.steps.flatMap((step) => {
          const found = treeAt(step.tree, ['continue-on-error']);
          return found &&
            textAt(step.tree, ['continue-on-error']) !== 'false' &&
            /\bgabarit\b[^\n]*\s(build|verify)\b/.test(step.run ?? '')
            ? [{ place: found.place, message: `The job "${job.id}" publishes what did not pass its checks` }]
            : [];
        }),
      ),
  },
  {
    id: 'publishing-cancelled',
    hint: 'Write "cancel-in-progress: false" for what publishes, or an expression that spares it.',
    find: ({ root, jobs }) =>
      [root, ...jobs.map(({ tree }) => tree)].flatMap((tree) => {
        const found = treeAt(tree, ['concurrency', 'cancel-in-progress']);
        const job = jobs.find((candidate) => candidate.tree === tree);
        const concerned = job ? publishes(job) : jobs.some(publishes);
        return found?.kind === 'scalar' && found.value === true && concerned
          ? [{ place: found.place, message: 'The next push cuts off an upload' }]
          : [];
      }),
  },
];
