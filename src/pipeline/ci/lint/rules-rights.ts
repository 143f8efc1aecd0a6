import { treeAt } from '../../load-tree.ts';
import { hypervisorCredential } from './patterns.ts';
import { isCheckout, isSelfHosted, type Rule, runsForStrangers, textAt, textsIn } from './workflow.ts';

const secret = /\$\{\{[^}]*\bsecrets\.(?!GITHUB_TOKEN\b)\w+/;

/** What a job may do, and which secrets it sees. */
export const rightsRules: Rule[] = [
  {
    id: 'permissions-missing',
    hint: 'Write "permissions: {}" for all, and give each job what it needs.',
    find: ({ root, jobs }) =>
      root.entries.has('permissions')
        ? []
        : jobs
            .filter(({ tree }) => !tree.entries.has('permissions'))
            .map((job) => ({
              place: job.place,
              message: `The job "${job.id}" has whatever rights the repository gives by default`,
            })),
  },
  {
    id: 'permissions-write-all',
    hint: 'Give only what is needed, such as "contents: read".',
    find: ({ root, jobs }) =>
      [root, ...jobs.map(({ tree }) => tree)].flatMap((tree) => {
        const found = treeAt(tree, ['permissions']);
        return found?.kind === 'scalar' && found.value === 'write-all'
          ? [{ place: found.place, message: 'It may do everything' }]
          : [];
      }),
  },
  {
    id: 'id-token-for-all-jobs',
    hint: 'Give "id-token: write" to the one job that publishes.',
    find: ({ root, jobs }) => {
      const found = treeAt(root, ['permissions', 'id-token']);
      return found?.kind === 'scalar' && found.value === 'write' && jobs.length > 1
        ? [{ place: found.place, message: 'Every job can act as the one that publishes' }]
        : [];
    },
  },
  {
    id: 'secrets-for-strangers',
    hint: 'Pull requests need no secret: plan and check them without, and publish after the merge.',
    find: (workflow) =>
      workflow.jobs
        .filter((job) => runsForStrangers(workflow, job))
        .flatMap((job) =>
          textsIn(job.tree)
            .filter(({ text, path }) => secret.test(text) && path.at(-1) !== 'run')
            .map(({ place }) => ({
              place,
              message: `The job "${job.id}" runs for pull requests, and wants a secret: in forks it is empty, elsewhere it is in reach of the proposal`,
            })),
        ),
  },
  {
    id: 'secrets-for-all-jobs',
    hint: 'Name it in env: of the one step that needs it.',
    find: ({ root }) =>
      textsIn(treeAt(root, ['env']))
        .filter(({ text }) => secret.test(text))
        .map(({ place }) => ({ place, message: 'Every step of every job sees this secret' })),
  },
  {
    id: 'secrets-inherited',
    hint: 'Name those that it needs: secrets: { NAME: ${{ secrets.NAME }} }',
    find: ({ jobs }) =>
      jobs.flatMap((job) => {
        const found = treeAt(job.tree, ['secrets']);
        return found?.kind === 'scalar' && found.value === 'inherit'
          ? [{ place: found.place, message: `The job "${job.id}" hands all secrets to another workflow` }]
          : [];
      }),
  },
  {
    id: 'token-left-on-runner',
    hint: 'Write "with: { persist-credentials: false }".',
    find: ({ jobs }) =>
      jobs.filter(isSelfHosted).flatMap((job) =>
        job.steps
          .filter((step) => isCheckout(step) && textAt(step.tree, ['with', 'persist-credentials']) !== 'false')
          .map((step) => ({
            place: treeAt(step.tree, ['uses'])?.place ?? step.place,
            message: `The checkout of the job "${job.id}" leaves its token in .git/config, for every later step`,
          })),
      ),
  },
  {
    id: 'hypervisor-credentials',
    hint: 'Let the job publish only; deploy from a machine that no repository can run programs on.',
    find: ({ jobs, root }) =>
      [root, ...jobs.flatMap((job) => [job.tree, ...job.steps.map((step) => step.tree)])].flatMap((tree) => {
        const env = treeAt(tree, ['env']);
        if (env?.kind !== 'map') return [];
        return [...env.entries].flatMap(([name, { key, value }]) =>
          hypervisorCredential.test(name) && value.kind === 'scalar' && /\bsecrets\./.test(String(value.value))
            ? [{ place: key, message: `${name} gives the runner a credential of the hypervisor` }]
            : [],
        );
      }),
  },
];
