import { Command, InvalidArgumentError } from 'commander';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { jobCommand } from '../job-command.ts';

interface Options {
  labels: string[];
  concurrency: number;
  limit: Record<string, number>;
  grace: number;
}

export function workerCommand(run: Run): Command {
  return new Command('worker')
    .summary('carry out queued jobs on this host')
    .description(
      'Takes jobs from the queue in the database that DATABASE_URL names and carries them out, until it is told to end (SIGTERM). Any number of hosts may run one. "gabarit serve" has one in itself.\nJobs of a worker that dies are taken over by the others by themselves and go on where they were.',
    )
    .option('--labels <list>', 'what this host offers, separated by commas: it takes jobs that ask for no more', listOf, [])
    .option('--concurrency <n>', 'jobs at the same time', countOf, 1)
    .option('--limit <label=n>', 'jobs with this label at the same time on this host (may be repeated)', limitOf, {})
    .option('--grace <seconds>', 'how long running jobs may go on after SIGTERM before they are handed to others', countOf, 20)
    .addHelpText(
      'after',
      examples(
        ['DATABASE_URL=postgresql://gabarit@db/gabarit gabarit worker', 'Take any job that asks for no label, one at a time.'],
        ['gabarit worker --labels kvm,uefi --concurrency 4 --limit kvm=1', 'Four at once, of which one may need KVM.'],
      ),
    )
    .action(({ labels, concurrency, limit, grace }: Options) =>
      run(async ({ globals, signal, openApp }) => {
        const { startWorker } = await import('../../jobs/start-worker.ts');
        const app = await openApp({ kind: 'steps' });
        const emit = app.bus.emitter();
        const db = await app.database();
        try {
          const worker = await startWorker({
            db,
            stateDir: app.config.stateDir,
            labels,
            concurrency,
            labelLimits: limit,
            version: app.version,
            ...jobCommand(globals),
            onFault: (error) => emit({ type: 'log', level: 'warn', message: error.message }),
          });
          emit({ type: 'log', level: 'info', message: `Worker ${worker.id()} takes jobs from ${db.place}` });
          await new Promise<void>((resolve) => {
            if (signal.aborted) resolve();
            signal.addEventListener('abort', () => resolve());
          });
          await worker.drain(grace * 1000);
        } finally {
          await db.close();
        }
      }),
    );
}

function listOf(text: string): string[] {
  const items = text.split(',').map((item) => item.trim());
  if (!items.every((item) => /^[a-z0-9][a-z0-9._-]{0,62}$/.test(item)))
    throw new InvalidArgumentError('It must be a list of lower-case words such as kvm,uefi.');
  return [...new Set(items)];
}

function countOf(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError('It must be a number.');
  return Number(text);
}

function limitOf(text: string, before: Record<string, number>): Record<string, number> {
  const [, label, most] = /^([a-z0-9][a-z0-9._-]{0,62})=(\d{1,4})$/.exec(text) ?? [];
  if (label === undefined) throw new InvalidArgumentError('It must be a label and a number such as kvm=1.');
  return { ...before, [label]: Number(most) };
}
