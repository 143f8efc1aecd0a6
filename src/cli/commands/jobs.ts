import { Command } from 'commander';
import type { Job, JobState } from '../../model/job.ts';
import { AppError } from '../../util/errors.ts';
import type { EmittedEvent } from '../../util/events.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { type ServerOptions, withServerOptions } from '../server-option.ts';

const states = ['queued', 'running', 'done', 'failed', 'cancelled'];

export function jobsCommand(run: Run): Command {
  return new Command('jobs')
    .summary('look at queued and running jobs, cancel them, try again')
    .description(
      'Looks after the jobs of a server: of the one that --server names, else of the one that runs on this machine, else in the database that DATABASE_URL names or that lies in the state folder.',
    )
    .addCommand(withServerOptions(listCommand(run)))
    .addCommand(withServerOptions(showCommand(run)))
    .addCommand(withServerOptions(logsCommand(run)))
    .addCommand(withServerOptions(cancelCommand(run)))
    .addCommand(withServerOptions(retryCommand(run)));
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
      examples(
        ['gabarit jobs ls', 'The last fifty.'],
        ['gabarit jobs ls --state queued,running', 'What waits and what runs.'],
        ['GABARIT_TOKEN=gbt_... gabarit jobs ls --server https://gabarit.example', 'Of a server elsewhere.'],
      ),
    )
    .action((options: ServerOptions & { state?: string; template?: string; limit: string }) =>
      run(async ({ style, openApp, answer }) => {
        const wanted = options.state?.split(',') ?? [];
        const unknown = wanted.find((state) => !states.includes(state));
        if (unknown !== undefined)
          throw new AppError('USAGE', `"${unknown}" is not a state of a job`, { hint: `There are: ${states.join(', ')}.` });
        if (!/^[1-9]\d{0,2}$/.test(options.limit) || Number(options.limit) > 500)
          throw new AppError('USAGE', `--limit ${options.limit} is not a number from 1 to 500`);
        const [{ withQueue }, { jobsText }] = await Promise.all([import('../queue/with-queue.ts'), import('../render/jobs.ts')]);
        const filter = {
          ...(wanted.length > 0 ? { states: wanted as JobState[] } : {}),
          ...(options.template === undefined ? {} : { template: options.template }),
          limit: Number(options.limit),
        };
        const found = await withQueue(await openApp({ kind: 'data' }), options, (queue) => queue.list(filter));
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
    .action((id: string, options: ServerOptions) =>
      run(async ({ style, openApp, answer }) => {
        const [{ withQueue }, { jobText }] = await Promise.all([import('../queue/with-queue.ts'), import('../render/jobs.ts')]);
        const [job, events] = await withQueue(await openApp({ kind: 'data' }), options, (queue) =>
          Promise.all([queue.get(id), queue.milestones(id)]),
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
    .action((id: string, { attempt, follow, ...server }: ServerOptions & { attempt?: string; follow?: boolean }) =>
      run(async ({ globals, style, signal, openApp, print }) => {
        if (attempt !== undefined && !/^[1-9]\d{0,5}$/.test(attempt))
          throw new AppError('USAGE', `--attempt ${attempt} is not a number from 1`);
        const [{ withQueue }, { plainRenderer }, { followJob }] = await Promise.all([
          import('../queue/with-queue.ts'),
          import('../render/plain.ts'),
          import('../queue/follow-job.ts'),
        ]);
        const shown = plainRenderer({ write: print }, { style, several: false, verbose: true });
        const show = (event: EmittedEvent): void => {
          if (globals.json) print(`${JSON.stringify(event)}\n`);
          else shown.handle(event);
        };
        await withQueue(await openApp({ kind: 'data' }), server, async (queue) => {
          const first = attempt === undefined ? Math.max(1, (await queue.get(id)).attempt) : Number(attempt);
          if (follow) {
            for await (const event of followJob(queue, id, first, signal)) show(event);
            return;
          }
          await queue.get(id);
          for (let position = 0; ; ) {
            const { events, next, end } = await queue.output(id, { attempt: first, position });
            for (const event of events) show(event);
            if (end || next === position) return;
            position = next;
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
    .action((ids: string[], options: ServerOptions) =>
      run(async ({ style, openApp, answer }) => {
        const [{ withQueue }, { jobsText }] = await Promise.all([import('../queue/with-queue.ts'), import('../render/jobs.ts')]);
        const ended: Job[] = [];
        await withQueue(await openApp({ kind: 'data' }), options, async (queue) => {
          for (const id of ids) ended.push(await queue.cancel(id));
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
    .action((id: string, { from, ...server }: ServerOptions & { from?: string }) =>
      run(async ({ style, openApp, answer }) => {
        const [{ withQueue }, { jobsText }] = await Promise.all([import('../queue/with-queue.ts'), import('../render/jobs.ts')]);
        const job = await withQueue(await openApp({ kind: 'data' }), server, (queue) => queue.retry(id, from));
        answer(job, () => jobsText([job], style));
      }),
    );
}
