import { treeAt } from '../../load-tree.ts';
import {
  isCheckout,
  isSelfHosted,
  placeWithin,
  type Rule,
  runsForStrangers,
  runsOnPlace,
  scriptsOf,
  textAt,
} from './workflow.ts';

const headOfPull = /github\.(head_ref|event\.pull_request\.head\.(sha|ref)|event\.pull_request\.merge_commit_sha)|refs\/pull\//;
const checksWho = /author_association|github\.actor\s*==|github\.triggering_actor\s*==/;

/** Who may start a job, and with whose files. */
export const triggerRules: Rule[] = [
  {
    id: 'self-hosted-pull-request',
    hint: 'Run pull requests on a hosted runner, or exclude forks: if: github.event.pull_request.head.repo.full_name == github.repository',
    find: (workflow) =>
      workflow.jobs
        .filter((job) => isSelfHosted(job) && runsForStrangers(workflow, job))
        .map((job) => ({
          place: runsOnPlace(job),
          message: `The job "${job.id}" runs what anybody proposes in a fork, on a machine of your own`,
        })),
  },
  {
    id: 'pull-request-target-checkout',
    hint: 'Use pull_request, which has no secrets and no rights to write, for whatever takes files of the proposal.',
    find: (workflow) =>
      workflow.triggers.has('pull_request_target')
        ? workflow.jobs.flatMap((job) =>
            job.steps.flatMap((step) => {
              const ref = treeAt(step.tree, ['with', 'ref']);
              const taken = isCheckout(step) && ref?.kind === 'scalar' && headOfPull.test(String(ref.value));
              return taken
                ? [
                    {
                      place: ref.place,
                      message: `The job "${job.id}" takes the files of a proposal, with the secrets and rights of this repository`,
                    },
                  ]
                : [];
            }),
          )
        : [],
  },
  {
    id: 'pull-request-target-self-hosted',
    hint: 'Run it on a hosted runner.',
    find: (workflow) =>
      workflow.triggers.has('pull_request_target')
        ? workflow.jobs.filter(isSelfHosted).map((job) => ({
            place: runsOnPlace(job),
            message: `Anybody who opens a pull request starts the job "${job.id}" on a machine of your own`,
          }))
        : [],
  },
  {
    id: 'workflow-run-checkout',
    hint: 'What the other run proposed is as foreign as its pull request: take the files of the default branch.',
    find: (workflow) =>
      workflow.triggers.has('workflow_run')
        ? workflow.jobs.flatMap((job) =>
            job.steps.flatMap((step) => {
              const ref = treeAt(step.tree, ['with', 'ref']);
              const taken =
                isCheckout(step) && ref?.kind === 'scalar' && /github\.event\.workflow_run\.head_/.test(String(ref.value));
              return taken
                ? [{ place: ref.place, message: `The job "${job.id}" takes the files of whoever started the other workflow` }]
                : [];
            }),
          )
        : [],
  },
  {
    id: 'comment-checkout',
    hint: 'Ask who commented: if: contains(fromJSON(\'["OWNER","MEMBER"]\'), github.event.comment.author_association)',
    find: (workflow) =>
      workflow.triggers.has('issue_comment')
        ? workflow.jobs
            .filter((job) => !checksWho.test(job.condition))
            .flatMap((job) => [
              ...job.steps.flatMap((step) => {
                const ref = treeAt(step.tree, ['with', 'ref']);
                const taken = isCheckout(step) && /refs\/pull\//.test(textAt(step.tree, ['with', 'ref']) ?? '');
                return taken && ref
                  ? [{ place: ref.place, message: `Anybody's comment makes the job "${job.id}" take the files of a proposal` }]
                  : [];
              }),
              ...scriptsOf(job).flatMap(({ run, place }) =>
                run.includes('gh pr checkout')
                  ? [
                      {
                        place: placeWithin(workflow, place, 'gh pr checkout'),
                        message: `Anybody's comment makes the job "${job.id}" take the files of a proposal`,
                      },
                    ]
                  : [],
              ),
            ])
        : [],
  },
];
