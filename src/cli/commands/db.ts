import { Readable } from 'node:stream';
import { Command } from 'commander';
import type { BackupReport } from '../../jobs/backup.ts';
import type { Run } from '../context.ts';
import { examples } from '../help-text.ts';

export function dbCommand(run: Run): Command {
  return new Command('db')
    .summary('back up and restore the database of a server')
    .description(
      'Backs up and restores the database of a server: the one that DATABASE_URL names, or the one in the state folder of this host. A backup goes from either kind into the other, and into a newer Gabarit.',
    )
    .addCommand(
      new Command('backup')
        .summary('write everything to a file')
        .description(
          'Writes everything to a file, as it is at one moment, also while a server runs. Logs of jobs and images in stores are not in it.',
        )
        .argument('<file>')
        .addHelpText('after', examples(['gabarit db backup gabarit.backup', 'All of it, in one file.']))
        .action((file: string) =>
          run(async ({ openApp, answer }) => {
            const [{ backup, keepBackup }, { findServer }] = await Promise.all([
              import('../../jobs/backup.ts'),
              import('../queue/find-server.ts'),
            ]);
            const app = await openApp({ kind: 'data' });
            const server = await findServer(app, {});
            if (server) {
              const report = await keepBackup(Readable.fromWeb(await server.client.backup()), file);
              answer({ file, ...report }, () => `${server.url} is in ${file}: ${rowsText(report)}\n`);
              return;
            }
            const db = await app.database();
            try {
              const report = await backup(db, file);
              answer({ file, ...report }, () => `${db.place} is in ${file}: ${rowsText(report)}\n`);
            } finally {
              await db.close();
            }
          }),
        ),
    )
    .addCommand(
      new Command('restore')
        .summary('put a backup in the place of what is there')
        .description(
          'Puts a backup in the place of what is in the database: all of it, or nothing changes. Stop the server before.',
        )
        .argument('<file>')
        .option('--replace', 'also when there are jobs already, which are gone then')
        .addHelpText(
          'after',
          examples(
            ['gabarit db restore gabarit.backup', 'Into a database that is empty.'],
            [
              'DATABASE_URL=postgresql://gabarit@db/gabarit gabarit db restore gabarit.backup',
              'From a single server to PostgreSQL.',
            ],
          ),
        )
        .action((file: string, { replace = false }: { replace?: boolean }) =>
          run(async ({ openApp, answer }) => {
            const { restore } = await import('../../jobs/backup.ts');
            const db = await (await openApp({ kind: 'data' })).database();
            try {
              const report = await restore(db, file, { replace });
              answer({ file, ...report }, () => `${file} is in ${db.place}: ${rowsText(report)}\n`);
            } finally {
              await db.close();
            }
          }),
        ),
    );
}

function rowsText({ tables }: BackupReport): string {
  const filled = Object.entries(tables).filter(([, rows]) => rows > 0);
  return filled.length === 0 ? 'it is empty' : filled.map(([table, rows]) => `${rows} ${table}`).join(', ');
}
