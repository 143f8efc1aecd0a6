import type { Job } from '../../model/job.ts';
import type { AppError } from '../../util/errors.ts';
import type { Context } from '../context.ts';
import type { ServerBuild } from '../queue/build-on-server.ts';
import { errorJson, exitCodeOf } from '../render/error.ts';
import type { ServerOptions } from '../server-option.ts';
import type { Style } from '../style.ts';

/** `gabarit build --server`: the same command and the same screen, with the work done there. */
export async function buildByServer(
  { globals, style, signal, openApp, answer, showError }: Context,
  { detach, server, ...build }: ServerBuild & { server: ServerOptions; detach: boolean },
): Promise<number> {
  const [{ findServer }, { askForBuilds, errorOfJob, watchBuild }] = await Promise.all([
    import('../queue/find-server.ts'),
    import('../queue/build-on-server.ts'),
  ]);
  const app = await openApp({ kind: detach ? 'data' : 'steps', several: build.templates.length > 1 });
  const found = await findServer(app, server);
  if (!found) throw new TypeError('no server was named');
  const asked = await askForBuilds(found, build);
  if (detach) {
    const value = asked.map(({ template, job, isNew }) => ({ template, job: job.id, state: job.state, isNew }));
    answer({ type: 'queued', url: found.url, jobs: value }, () => asked.map(({ job }) => `${job.id}\n`).join(''));
    return 0;
  }
  const results: { template: string; job: Job; error: AppError | undefined }[] = [];
  for (const each of asked) {
    const job = await watchBuild(app, found, server, each, signal);
    results.push({ template: each.template, job, error: errorOfJob(job) });
  }
  answer({ type: 'result', results: results.map(({ error, ...result }) => jsonOf(result, error)) }, () =>
    globals.quiet ? asked.map(({ job }) => `${job.id}\n`).join('') : results.map(({ job }) => textOf(job, style)).join(''),
  );
  for (const { template, error } of results) if (error) showError(error, results.length > 1 ? template : undefined);
  return Math.max(0, ...results.map(({ error }) => (error ? exitCodeOf(error) : 0)));
}

function jsonOf({ template, job }: { template: string; job: Job }, error: AppError | undefined): object {
  const { result, started, finished, worker } = job;
  const version = result?.version ?? job.version;
  return {
    template,
    job: job.id,
    outcome: job.state === 'done' ? (result?.outcome ?? 'done') : job.state,
    ...(version === undefined ? {} : { version }),
    ...(result?.output === undefined ? {} : { output: result.output }),
    ...(result?.published === undefined ? {} : { published: result.published }),
    ...(worker === undefined ? {} : { worker }),
    ...(started === undefined || finished === undefined ? {} : { durationMs: Date.parse(finished) - Date.parse(started) }),
    ...(error === undefined ? {} : { error: errorJson(error) }),
  };
}

function textOf({ id, state, request, version, result, worker }: Job, style: Style): string {
  if (state !== 'done') return '';
  const template = 'template' in request ? (request.template ?? '') : '';
  const name = style.strong(`${template} ${result?.version ?? version ?? ''}`.trim());
  const { published, output } = result ?? {};
  const where = published
    ? `published as ${published.template}@${published.version}`
    : `in ${output ?? ''} on the host of ${worker ?? 'its worker'}`;
  const what = result?.outcome === 'unchanged' ? 'is up to date' : 'is built';
  return `\n${name} ${what}${published || output ? `, ${where}` : ''} ${style.faint(`(job ${id})`)}\n`;
}
