import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exec, killGroup, start } from '../src/util/exec.ts';

/** A PostgreSQL server of its own, in a folder that is removed with it. Needs Debian's postgresql, and root to become its user. */
export interface Postgres {
  /** Makes an empty database, and returns its URL. */
  database(name: string): Promise<string>;
  folder: string;
  port: number;
  stop(): Promise<void>;
}

/** Where Debian puts the programs of the newest version. */
export async function postgresPrograms(): Promise<string> {
  const versions = (await readdir('/usr/lib/postgresql')).map(Number).toSorted((a, b) => b - a);
  return `/usr/lib/postgresql/${versions[0]}/bin`;
}

const asPostgres = ['setpriv', '--reuid=postgres', '--regid=postgres', '--init-groups'];

export async function startPostgres(address = '127.0.0.1'): Promise<Postgres> {
  const programs = await postgresPrograms();
  // Not in the folder of the test, through which its user may not go.
  const data = await mkdtemp('/tmp/gabarit-postgres-');
  await exec(['chown', 'postgres:', data]);
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  await exec(
    [...asPostgres, `${programs}/initdb`, '-D', join(data, 'db'), '-A', 'trust', '-U', 'gabarit', '-N', '--locale=C.UTF-8'],
    {
      cwd: '/',
    },
  );
  const child = start(
    [
      ...asPostgres,
      `${programs}/postgres`,
      '-D',
      join(data, 'db'),
      '-p',
      String(port),
      '-k',
      data,
      ...[`listen_addresses=${address}`, 'fsync=off', 'max_connections=200', 'autovacuum=off'].flatMap((value) => ['-c', value]),
    ],
    { cwd: '/', stdio: ['ignore', 'ignore', 'ignore'] },
  );
  const url = (name: string): string => `postgresql://gabarit@${address.split(',')[0]}:${port}/${name}`;
  const isReady = () => exec([`${programs}/pg_isready`, '-q', '-h', data, '-p', String(port)], { okExitCodes: [0, 1, 2] });
  for (let attempt = 0; (await isReady()).exitCode !== 0; attempt += 1) {
    if (attempt > 200) throw new Error('PostgreSQL does not start');
    await sleep(50);
  }
  const stop = async (): Promise<void> => {
    await killGroup(child);
    await rm(data, { recursive: true, force: true });
  };
  return {
    folder: data,
    port,
    async database(name) {
      await exec([`${programs}/createdb`, '-h', data, '-p', String(port), '-U', 'gabarit', name]);
      return url(name);
    },
    stop,
  };
}
