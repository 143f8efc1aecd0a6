import { memoryUsage, uptime } from 'node:process';
import type { Parts } from './parts.ts';

/** Figures in the text format of Prometheus. */

type Sample = [labels: Record<string, string>, value: number];

function family(name: string, type: 'gauge' | 'counter', help: string, samples: Sample[]): string {
  const lines = samples.map(([labels, value]) => {
    const pairs = Object.entries(labels).map(
      ([key, text]) => `${key}="${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
    );
    return `${name}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}`;
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ''].join('\n');
}

export async function metricsText({ app, jobs, database, stores, view, now }: Parts): Promise<string> {
  const count = await jobs.count();
  const workers = await jobs.workers();
  const [waiting] = await database.query<{ seconds: number | null }>(
    "SELECT extract(epoch FROM now() - min(created))::float8 AS seconds FROM jobs WHERE state = 'queued'",
  );
  const indexes = (
    await Promise.all(
      stores.map(async ({ name }) =>
        (
          await view(name)
            .indexes()
            .catch(() => [])
        ).map((index) => ({ name, index })),
      ),
    )
  ).flat();
  const age = (iso: string): number => Math.round((now().getTime() - Date.parse(iso)) / 1000);
  const newest = indexes.flatMap(({ name, index }): Sample[] => {
    const [image] = index.images.filter(({ revoked }) => !revoked);
    return image ? [[{ store: name, template: index.template }, age(image.published)]] : [];
  });
  const channels = indexes.flatMap(({ name, index }): Sample[] =>
    Object.entries(index.channels).map(([channel, { promoted }]) => [
      { store: name, template: index.template, channel },
      age(promoted),
    ]),
  );
  return [
    family('gabarit_info', 'gauge', 'What runs', [[{ version: app.version, node: process.version }, 1]]),
    family('gabarit_uptime_seconds', 'gauge', 'Since the server started', [[{}, Math.round(uptime())]]),
    family('gabarit_resident_memory_bytes', 'gauge', 'Memory of the server', [[{}, memoryUsage().rss]]),
    family(
      'gabarit_jobs',
      'gauge',
      'Jobs by state',
      Object.entries(count).map(([state, value]): Sample => [{ state }, value]),
    ),
    family('gabarit_oldest_queued_job_seconds', 'gauge', 'How long the oldest job waits', [
      [{}, Math.round(waiting?.seconds ?? 0)],
    ]),
    family(
      'gabarit_workers',
      'gauge',
      'Workers by state',
      ['up', 'draining', 'lost'].map((state): Sample => [{ state }, workers.filter((worker) => worker.state === state).length]),
    ),
    family(
      'gabarit_images',
      'gauge',
      'Published images',
      indexes.map(({ name, index }): Sample => [{ store: name, template: index.template }, index.images.length]),
    ),
    family('gabarit_newest_image_age_seconds', 'gauge', 'Since the newest image was published', newest),
    family('gabarit_channel_age_seconds', 'gauge', 'Since a channel was moved', channels),
  ].join('\n');
}
