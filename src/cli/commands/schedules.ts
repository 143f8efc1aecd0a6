import { Command } from 'commander';
import type { JobRequest, ScheduleStatus } from '../../model/job.ts';
import { AppError } from '../../util/errors.ts';
import type { Context, Run } from '../context.ts';
import { examples } from '../help-text.ts';
import type { Queue } from '../queue/queue.ts';
import { type ServerOptions, withServerOptions } from '../server-option.ts';

export function schedulesCommand(run: Run): Command {
  return new Command('schedules')
    .summary('jobs that the clock asks for')
    .description('Looks after jobs that the clock asks for: nightly builds, retention, checks of what is published.')
    .addCommand(withServerOptions(listCommand(run)))
    .addCommand(withServerOptions(addCommand(run)))
    .addCommand(withServerOptions(removeCommand(run)))
    .addCommand(withServerOptions(runNowCommand(run)));
}

async function onSchedules(
  { style, openApp, answer }: Context,
  options: ServerOptions,
  work: (queue: Queue) => Promise<ScheduleStatus[]>,
): Promise<void> {
  const [{ withQueue }, { schedulesText }] = await Promise.all([import('../queue/with-queue.ts'), import('../render/jobs.ts')]);
  const found = await withQueue(await openApp({ kind: 'data' }), options, work);
  answer(found, () => schedulesText(found, style));
}

function listCommand(run: Run): Command {
  return new Command('ls')
    .summary('list schedules')
    .description('Lists schedules, and when each is due next.')
    .addHelpText('after', examples(['gabarit schedules ls', 'What is due when.']))
    .action((options: ServerOptions) => run((context) => onSchedules(context, options, (queue) => queue.schedules())));
}

interface AddFlags extends ServerOptions {
  build?: string;
  recheck?: string;
  retention?: boolean;
  store?: string;
  channel?: string;
  keepLast?: string;
  keepDays?: string;
  timezone: string;
  labels?: string;
  always?: boolean;
  off?: boolean;
}

function addCommand(run: Run): Command {
  return new Command('add')
    .summary('make a schedule, or change it')
    .description(
      'Makes a schedule, or changes the one of this name. A build is skipped when its plan is that of the last one: same packages, same scripts.',
    )
    .argument('<name>', 'what to call it')
    .argument('<cron>', 'minute, hour, day, month, weekday')
    .option('--build <template>', 'build this template')
    .option('--recheck <image>', 'prove a published image again, from the keys to the last byte')
    .option('--retention', 'remove old images from a store')
    .option('--store <url>', 'where to publish what was built, or what to look after')
    .option('--channel <name>', 'with --build: let this channel point at it')
    .option('--keep-last <n>', 'with --retention: the newest ones of each template')
    .option('--keep-days <n>', 'with --retention: those of the last days')
    .option('--always', 'with --build: also when nothing changed')
    .option('--timezone <name>', 'where the clock hangs', 'UTC')
    .option('--labels <list>', 'only on workers that have these')
    .option('--off', 'keep it, but do not run it')
    .addHelpText(
      'after',
      examples(
        [
          "gabarit schedules add nightly '30 2 * * *' --build debian-12 --store file:/srv/templates --channel dev",
          'Every night.',
        ],
        [
          "gabarit schedules add weekly '0 4 * * 0' --retention --store file:/srv/templates --keep-last 5",
          'Make room on Sundays.',
        ],
      ),
    )
    .action((name: string, cron: string, flags: AddFlags) =>
      run((context) =>
        onSchedules(context, flags, async (queue) => [
          await queue.putSchedule({
            id: nameOf(name),
            cron,
            timezone: flags.timezone,
            request: requestOf(flags),
            labels: flags.labels?.split(',') ?? [],
            enabled: flags.off !== true,
          }),
        ]),
      ),
    );
}

function nameOf(name: string): string {
  if (/^[a-z0-9][a-z0-9._-]{0,62}$/.test(name)) return name;
  throw new AppError('USAGE', `"${name}" is not a name`, { hint: 'Use lower-case letters, digits, ".", "_" and "-".' });
}

function requestOf({ build, recheck, retention, store, channel, keepLast, keepDays, always }: AddFlags): JobRequest {
  if ([build, recheck, retention].filter((kind) => kind !== undefined).length !== 1) {
    throw new AppError('USAGE', 'Say what is to be done: one of --build, --recheck and --retention');
  }
  if (build !== undefined) {
    const publish = store === undefined ? {} : { publish: { store, ...(channel === undefined ? {} : { channel }) } };
    return { kind: 'build', template: build, onlyIfChanged: always !== true, ...publish };
  }
  if (store === undefined) throw new AppError('USAGE', 'Say which store it is about: --store URL');
  if (recheck !== undefined) return { kind: 'recheck', image: recheck, store };
  if (keepLast === undefined && keepDays === undefined)
    throw new AppError('USAGE', 'Say what is to stay: --keep-last or --keep-days');
  return {
    kind: 'retention',
    store,
    ...(keepLast === undefined ? {} : { keepLast: numberOf(keepLast, '--keep-last') }),
    ...(keepDays === undefined ? {} : { keepDays: numberOf(keepDays, '--keep-days') }),
  };
}

function numberOf(text: string, flag: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new AppError('USAGE', `${flag} ${text} is not a number from 1`);
  return Number(text);
}

function removeCommand(run: Run): Command {
  return new Command('rm')
    .summary('remove a schedule')
    .description('Removes a schedule. Jobs that it asked for already stay.')
    .argument('<name>')
    .addHelpText('after', examples(['gabarit schedules rm nightly', 'No more of it.']))
    .action((name: string, options: ServerOptions) =>
      run((context) =>
        onSchedules(context, options, async (queue) => {
          await queue.removeSchedule(name);
          return queue.schedules();
        }),
      ),
    );
}

function runNowCommand(run: Run): Command {
  return new Command('run')
    .summary('queue its job now')
    .description('Queues the job of a schedule now; when it is due next stays as it is.')
    .argument('<name>')
    .addHelpText('after', examples(['gabarit schedules run nightly', 'Not to wait for the night.']))
    .action((name: string, options: ServerOptions) =>
      run(async ({ style, openApp, answer }) => {
        const [{ withQueue }, { jobsText }] = await Promise.all([import('../queue/with-queue.ts'), import('../render/jobs.ts')]);
        const job = await withQueue(await openApp({ kind: 'data' }), options, (queue) => queue.runSchedule(name));
        answer(job, () => jobsText([job], style));
      }),
    );
}
