import { treeAt } from '../../../load-tree.ts';
import { toStable } from '../patterns.ts';
import { namesOf, textAt } from '../workflow.ts';
import { onOwnRunner, pipelineScripts, type PipelineRule, publishesImages, runsForForks, scriptFindings } from './pipeline.ts';

const runs = /\bgabarit\b[^\n]*\s(build|verify|publish|promote)\b/;

/** Where jobs run, for whom, and what reaches those who use the images. */
export const pipelineJobRules: PipelineRule[] = [
  {
    id: 'merge-request-of-fork',
    hint: 'Exclude forks: if: $CI_MERGE_REQUEST_SOURCE_PROJECT_PATH == $CI_PROJECT_PATH, beside the source of the pipeline.',
    find: (pipeline) =>
      pipeline.jobs
        .filter((job) => !job.hidden && onOwnRunner(job) && runsForForks(pipeline, job))
        .map((job) => ({
          place: treeAt(job.tree, ['rules'])?.place ?? treeAt(job.tree, ['only'])?.place ?? job.place,
          message: `The job "${job.id}" runs what a fork proposes on a machine of your own, with the variables of this project, once a member starts its pipeline`,
        })),
  },
  {
    id: 'any-runner',
    hint: 'Give the runner a tag of its own, and name it: tags: [image-builder]',
    find: ({ jobs }) =>
      jobs
        .filter(
          (job) =>
            !job.hidden &&
            namesOf(treeAt(job.tree, ['tags'])).length === 0 &&
            pipelineScripts(job).some(({ text }) => runs.test(text)),
        )
        .map(({ id, place }) => ({ place, message: `The job "${id}" runs on whichever machine is free` })),
  },
  {
    id: 'id-token-for-all-jobs',
    hint: 'Give "id_tokens" to the one job that publishes.',
    find: ({ files }) =>
      files.flatMap(({ root }) => {
        const tree = treeAt(root, ['default', 'id_tokens']);
        return tree ? [{ place: tree.place, message: 'Every job can act as the one that publishes' }] : [];
      }),
  },
  {
    id: 'stable-without-review',
    hint: 'Write "environment: stable", and protect that environment with approvals.',
    find: (pipeline) => {
      const jobs = pipeline.jobs.filter(({ tree }) => !tree.entries.has('environment'));
      return scriptFindings(
        { ...pipeline, jobs },
        toStable,
        ({ id }) => `The job "${id}" moves the channel "stable" without anybody's review`,
      );
    },
  },
  {
    id: 'publishing-not-queued',
    hint: 'Write "resource_group: publish".',
    find: ({ jobs }) =>
      jobs
        .filter((job) => !job.hidden && publishesImages(job) && !job.tree.entries.has('resource_group'))
        .map(({ id, place }) => ({ place, message: `Two runs of the job "${id}" publish at the same time` })),
  },
  {
    id: 'publishing-cancelled',
    hint: 'Write "interruptible: false" for what publishes.',
    find: ({ jobs }) =>
      jobs.filter(publishesImages).flatMap(({ tree }) => {
        const found = treeAt(tree, ['interruptible']);
        return found && textAt(tree, ['interruptible']) === 'true'
          ? [{ place: found.place, message: 'The next push cuts off an upload' }]
          : [];
      }),
  },
  {
    id: 'failed-check-ignored',
    hint: 'Remove it: what is not proven must not be published.',
    find: ({ jobs }) => {
      if (!jobs.some(publishesImages)) return [];
      return jobs.flatMap((job) => {
        const allowed = treeAt(job.tree, ['allow_failure']);
        const always = treeAt(job.tree, ['when']);
        const proves = pipelineScripts(job).some(({ text }) => /\bgabarit\b[^\n]*\s(build|verify)\b/.test(text));
        if (allowed && proves && textAt(job.tree, ['allow_failure']) !== 'false')
          return [{ place: allowed.place, message: `The job "${job.id}" may fail, and images are published all the same` }];
        return always && publishesImages(job) && textAt(job.tree, ['when']) === 'always'
          ? [{ place: always.place, message: `The job "${job.id}" publishes even when what is before it failed` }]
          : [];
      });
    },
  },
  {
    id: 'whole-folder-uploaded',
    hint: 'Name what is to be kept, such as out/*/*/manifest.json.',
    find: ({ jobs }) =>
      jobs.flatMap((job) => {
        const message = `The job "${job.id}" gives away all that lies there, such as .git/config and keys`;
        const paths = treeAt(job.tree, ['artifacts', 'paths']);
        const whole = (paths?.kind === 'list' ? paths.items : []).filter(
          (item) => item.kind === 'scalar' && /^(\.\/?|\*\*?|\$\{?CI_PROJECT_DIR\}?\/?)$/.test(String(item.value)),
        );
        const untracked = treeAt(job.tree, ['artifacts', 'untracked']);
        return [
          ...whole.map(({ place }) => ({ place, message })),
          ...(untracked && textAt(job.tree, ['artifacts', 'untracked']) === 'true' ? [{ place: untracked.place, message }] : []),
        ];
      }),
  },
];
