import { treeAt } from '../../load-tree.ts';
import { isSelfHosted, labelsOf, type Rule, runsOnPlace, textAt, textsIn } from './workflow.ts';

/** What a job does to a machine of the owner's own. */
export const runnerRules: Rule[] = [
  {
    id: 'docker-socket',
    hint: 'Who can talk to it is root on the runner. Gabarit needs no Docker.',
    find: ({ jobs }) =>
      jobs.flatMap((job) =>
        [...textsIn(treeAt(job.tree, ['container'])), ...textsIn(treeAt(job.tree, ['services']))]
          .filter(({ text }) => text.includes('docker.sock'))
          .map(({ place }) => ({ place, message: `The job "${job.id}" hands the socket of Docker to a container` })),
      ),
  },
  {
    id: 'privileged-container',
    hint: 'Run Gabarit on the runner itself, as an ordinary user: it needs user namespaces only.',
    find: ({ jobs }) =>
      jobs.flatMap((job) =>
        [...textsIn(treeAt(job.tree, ['container'])), ...textsIn(treeAt(job.tree, ['services']))]
          .filter(({ text }) => /--privileged|--cap-add[ =](ALL|SYS_ADMIN)|--pid[ =]host|--device/.test(text))
          .map(({ place }) => ({ place, message: `A container of the job "${job.id}" is root on the runner` })),
      ),
  },
  {
    id: 'any-runner',
    hint: 'Give the runner a label of its own, and name it: runs-on: [self-hosted, image-builder]',
    find: ({ jobs }) =>
      jobs
        .filter(
          (job) =>
            labelsOf(job).length === 1 && labelsOf(job)[0] === 'self-hosted' && treeAt(job.tree, ['runs-on'])?.kind !== 'map',
        )
        .map((job) => ({ place: runsOnPlace(job), message: `The job "${job.id}" runs on whichever machine is free` })),
  },
  {
    id: 'runner-from-outside',
    hint: 'Name the runner in the workflow, or in a variable of the repository (vars.RUNNER).',
    find: ({ jobs }) =>
      jobs.flatMap((job) =>
        textsIn(treeAt(job.tree, ['runs-on']))
          .filter(({ text }) => /\$\{\{[^}]*(\binputs\.|github\.event\.|github\.head_ref)/.test(text))
          .map(({ place }) => ({ place, message: `Whoever starts the job "${job.id}" chooses the machine` })),
      ),
  },
  {
    id: 'no-time-limit',
    hint: 'Write "timeout-minutes: 60": the limit is six hours otherwise, and the runner is taken as long.',
    find: ({ jobs }) =>
      jobs
        .filter((job) => isSelfHosted(job) && !job.tree.entries.has('timeout-minutes'))
        .map((job) => ({
          place: job.place,
          message: `The job "${job.id}" may hold a machine of your own for as long as it hangs`,
        })),
  },
  {
    id: 'whole-folder-uploaded',
    hint: 'Name what is to be kept, such as out/*/*/manifest.json.',
    find: ({ jobs }) =>
      jobs.flatMap((job) =>
        job.steps.flatMap((step) => {
          const tree = treeAt(step.tree, ['with', 'path']);
          const paths = (textAt(step.tree, ['with', 'path']) ?? '').split('\n').map((path) => path.trim());
          const whole = paths.some((path) => /^(\.\/?|~\/?|\$\{\{\s*github\.workspace\s*\}\}\/?|\/|\*\*?)$/.test(path));
          return tree && whole && step.uses?.startsWith('actions/upload-artifact@')
            ? [{ place: tree.place, message: `The job "${job.id}" gives away all that lies there, such as .git/config and keys` }]
            : [];
        }),
      ),
  },
];
