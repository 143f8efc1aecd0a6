import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';
import { jobCommand } from '../job-command.ts';
import { portOf } from '../port-option.ts';

interface Options {
  host: string;
  port: number;
  store: string[];
  tlsCert?: string;
  tlsKey?: string;
  jobs: number;
  labels: string[];
}

/** It is gone within 30 s: a busy machine takes its time for the rest, too. */
const longestEndMs = 28_000;

export function serveCommand(run: Run): Command {
  const collect = (value: string, before: string[]): string[] => [...before, value];
  return new Command('serve')
    .summary('start the server: API, web page, and a worker')
    .description(
      'Starts the server in one process, with nothing to install: the API, the web page, the queue, and a worker that carries jobs out. The database lies in the state folder, or is the PostgreSQL that DATABASE_URL names.',
    )
    .option('--host <address>', 'where to listen; beyond this machine better with TLS', '127.0.0.1')
    .option('--port <port>', 'the port; 0 takes a free one', portOf, 8480)
    .addOption(
      new Option('--store <store>', 'a store of the server; several may be given, the first is the default')
        .env('GABARIT_STORE')
        .argParser(collect)
        .default([], 'those of the configuration'),
    )
    .option('--tls-cert <file>', 'the certificate, with its chain, PEM')
    .option('--tls-key <file>', 'its key, PEM')
    .option('--jobs <number>', 'jobs at the same time in this process; 0: only other workers do them', countOf, 1)
    .option(
      '--labels <labels>',
      'labels of this worker, with commas between',
      (text: string) => text.split(',').filter(Boolean),
      [],
    )
    .addHelpText(
      'after',
      examples(
        [
          'gabarit serve --store file:/srv/templates',
          'Open the address that it prints; the token beside it makes the first account.',
        ],
        ['gabarit serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem', 'For others, over TLS.'],
        [
          'DATABASE_URL=postgresql:///gabarit gabarit serve --jobs 0',
          'With PostgreSQL; "gabarit worker" on other hosts does the work.',
        ],
      ),
    )
    .action(({ host, port, store, tlsCert, tlsKey, jobs, labels }: Options) =>
      run(async ({ globals, signal, openApp, answer, style }) => {
        const { AppError } = await import('../../util/errors.ts');
        if ((tlsCert === undefined) !== (tlsKey === undefined))
          throw new AppError('USAGE', '--tls-cert and --tls-key belong together');
        const { serve } = await import('../../api/serve.ts');
        const app = await openApp({ kind: 'steps' });
        const served = await serve(app, {
          host,
          port,
          stores: store,
          tls: tlsCert === undefined || tlsKey === undefined ? undefined : { cert: tlsCert, key: tlsKey },
          concurrency: jobs,
          labels,
          ...jobCommand(globals),
        });
        for (const warning of served.warnings) app.bus.emitter()({ type: 'log', level: 'warn', message: warning });
        const { url, setupToken } = served;
        answer({ type: 'serving', url, ...(setupToken === undefined ? {} : { setupToken }) }, () =>
          [
            `Gabarit serves ${style.name(url)}`,
            ...(setupToken === undefined ? [] : [`The token for the first account: ${style.strong(setupToken)}`, '']),
            '',
          ].join('\n'),
        );
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        // What still runs after that is handed to the next worker when it starts, or by its lease.
        await Promise.race([served.close(), sleep(longestEndMs, undefined, { ref: false })]);
        return 0;
      }),
    );
}

function countOf(text: string): number {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a number from 0 to 99.');
}
