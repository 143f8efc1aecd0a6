import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import type { Job, JobState } from '../../model/job.ts';
import { AppError } from '../../util/errors.ts';
import type { EmittedEvent } from '../../util/events.ts';
import { userName } from '../../util/user-name.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';

const states = ['queued', 'running', 'done', 'failed', 'cancelled'];

export function jobsCommand(run: Run): Command {
  return new Command('jobs')
    .summary('look at queued and running jobs, cancel them, try again')
    .description(
      'Looks after the jobs of a server: in the database that DATABASE_URL names, or in the state folder of this host while no server runs on it.',
    )
    .addCommand(listCommand(run))
    .addCommand(showCommand(run))
    .addCommand(logsCommand(run))
    .addCommand(cancelCommand(run))
    .addCommand(retryCommand(run));
}

function listCommand(run: Run): Command {
  return new Command('ls')
    .summary('list jobs, the newest first')
    .description('Lists jobs, the newest first.')
    .option('--state <list>', `only these, separated by commas: ${states.join(', ')}`)
    .option('--template <name>', 'only builds of this template')
    .option('--limit <n>', 'no more than so many', '50')
    .addHelpText(
      'after',
      examples(['gabarit jobs ls', 'The last fifty.'], ['gabarit jobs ls --state queued,running', 'What waits and what runs.']),
    )
    .action((options: { state?: string; template?: string; limit: string }) =>
      run(async ({ style, openApp, answer }) => {
        const wanted = options.state?.split(',') ?? [];
        const unknown = wanted.find((state) => !states.includes(state));
        if (unknown !== undefined)
          throw new AppError('USAGE', `"${unknown}" is not a state of a job`, { hint: `There are: ${states.join(', ')}.` });
        if (!/^[1-9]\d{0,2}$/.test(options.limit) || Number(options.limit) > 500)
          throw new AppError('USAGE', `--limit ${options.limit} is not a number from 1 to 500`);
        const [{ withJobs }, { jobsText }] = await Promise.all([import('../open-jobs.ts'), import('../render/jobs.ts')]);
        const filter = {
          ...(wanted.length > 0 ? { states: wanted as JobState[] } : {}),
          ...(options.template === undefined ? {} : { template: options.template }),
          limit: Number(options.limit),
        };
        const found = await withJobs(await openApp({ kind: 'data' }), ({ jobs }) => jobs.list(filter));
        answer(found, () => jobsText(found, style));
      }),
    );
}

function showCommand(run: Run): Command {
  return new Command('show')
    .summary('show a job and its milestones')
    .description('Shows a job and its milestones.')
    .argument('<job>', 'its id')
    .addHelpText('after', examples(['gabarit jobs show 1f0c2a9b4d77', 'How far it is, or why it failed.']))
    .action((id: string) =>
      run(async ({ style, openApp, answer }) => {
        const [{ withJobs }, { jobText }] = await Promise.all([import('../open-jobs.ts'), import('../render/jobs.ts')]);
        const [job, events] = await withJobs(await openApp({ kind: 'data' }), ({ jobs }) =>
          Promise.all([jobs.get(id), jobs.events(id, 0)]),
        );
        answer({ ...job, events }, () => jobText(job, events, style));
      }),
    );
}

function logsCommand(run: Run): Command {
  return new Command('logs')
    .summary('show all that a job says')
    .description('Shows all that a job says, as "gabarit build" would; with --json one event a line.')
    .argument('<job>', 'its id')
    .option('--attempt <n>', 'of an earlier attempt')
    .option('-f, --follow', 'go on until it ends')
    .addHelpText('after', examples(['gabarit jobs logs 1f0c2a9b4d77 --follow', 'Watch it.']))
    .action((id: string, options: { attempt?: string; follow?: boolean }) =>
      run(async ({ globals, style, signal, openApp, print }) => {
        const [{ withJobs }, { plainRenderer }, { readJobLog }] = await Promise.all([
          import('../open-jobs.ts'),
          import('../render/plain.ts'),
          import('../../jobs/job-log.ts'),
        ]);
        const app = await openApp({ kind: 'data' });
        const shown = plainRenderer({ write: print }, { style, several: false, verbose: true });
        await withJobs(app, async ({ db, jobs, stateDir }) => {
          await jobs.get(id);
          let place: { attempt?: number; position: number } = { position: 0 };
          if (options.attempt !== undefined) place = { attempt: Number(options.attempt), position: 0 };
          for (;;) {
            const part = await readJobLog({ db, stateDir }, id, place);
            for (const line of part.lines) {
              if (globals.json) print(`${line}\n`);
              else shown.handle(JSON.parse(line) as EmittedEvent);
            }
            place = { attempt: part.attempt, position: part.position };
            if (part.end || (part.lines.length === 0 && !options.follow)) return;
            if (part.lines.length === 0) await sleep(500, undefined, { signal });
          }
        });
      }),
    );
}

function cancelCommand(run: Run): Command {
  return new Command('cancel')
    .summary('end a job')
    .description('Ends a job: at once when it waits, within five seconds when it runs. Finished steps are kept.')
    .argument('<job...>', 'ids')
    .addHelpText('after', examples(['gabarit jobs cancel 1f0c2a9b4d77', 'End it.']))
    .action((ids: string[]) =>
      run(async ({ style, openApp, answer }) => {
        const [{ withJobs }, { jobsText }] = await Promise.all([import('../open-jobs.ts'), import('../render/jobs.ts')]);
        const ended: Job[] = [];
        await withJobs(await openApp({ kind: 'data' }), async ({ jobs }) => {
          for (const id of ids) ended.push(await jobs.cancel(id, userName()));
        });
        answer(ended, () => jobsText(ended, style));
      }),
    );
}

function retryCommand(run: Run): Command {
  return new Command('retry')
    .summary('queue a job again that failed or was cancelled')
    .description('Queues a job again that failed or was cancelled. Finished steps are kept.')
    .argument('<job>', 'its id')
    .option('--from <step>', 'do this step and all after it again; "plan" makes a new plan')
    .addHelpText(
      'after',
      examples(
        ['gabarit jobs retry 1f0c2a9b4d77', 'Go on where it was.'],
        ['gabarit jobs retry 1f0c2a9b4d77 --from provision', 'Provision again, then all the rest.'],
      ),
    )
    .action((id: string, { from }: { from?: string }) =>
      run(async ({ style, openApp, answer }) => {
        const [{ withJobs }, { jobsText }] = await Promise.all([import('../open-jobs.ts'), import('../render/jobs.ts')]);
        const job = await withJobs(await openApp({ kind: 'data' }), ({ jobs }) =>
          jobs.retry(id, { by: userName(), ...(from === undefined ? {} : { from }) }),
        );
        answer(job, () => jobsText([job], style));
      }),
    );
}
