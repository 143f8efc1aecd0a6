import { enqueue } from '../../jobs/queue.ts';
import type { accessContract } from '../../model/api/access.ts';
import type { Contract } from '../../model/api/contract-type.ts';
import { AppError } from '../../util/errors.ts';
import type { Parts } from '../parts.ts';
import type { Handlers } from '../route.ts';
import { rawBody } from '../server.ts';
import { isSignedByGitHub } from '../webhook-signature.ts';

type Of<C> = C extends Contract ? Handlers<C> : never;
type HookContract = {
  [K in keyof typeof accessContract as K extends `${string} /webhooks${string}` | `${string} /hooks${string}`
    ? K
    : never]: (typeof accessContract)[K];
};

export function webhookRoutes({ app, database, webhooks, credential, storeNamed }: Parts): Of<HookContract> {
  return {
    'GET /webhooks': () => webhooks.list(),
    async 'POST /webhooks'({ body, about }) {
      const made = await webhooks.create(body.url, body.events);
      about({ webhook: made.id });
      return made;
    },
    'POST /webhooks/:webhook/secrets': ({ params }) => webhooks.addSecret(params.webhook),
    'DELETE /webhooks/:webhook/secrets/:secret': ({ params }) => webhooks.removeSecret(params.webhook, params.secret),
    'POST /webhooks/:webhook/test': ({ params }) => webhooks.test(params.webhook),
    'DELETE /webhooks/:webhook': ({ params }) => webhooks.remove(params.webhook),
    async 'POST /hooks/github/:hook'({ params, body, raw, about }) {
      const settings = Object.hasOwn(app.config.server.github, params.hook) ? app.config.server.github[params.hook] : undefined;
      // The same answer whether the hook is unknown or the signature is wrong.
      const refused = new AppError('FORBIDDEN', 'The signature of the webhook is wrong');
      if (!settings) throw refused;
      const signature = raw.headers['x-hub-signature-256'];
      if (
        !isSignedByGitHub(rawBody(raw), typeof signature === 'string' ? signature : undefined, await credential(settings.secret))
      )
        throw refused;
      const delivery = raw.headers['x-github-delivery'];
      const event = raw.headers['x-github-event'];
      if (typeof delivery !== 'string' || !/^[A-Za-z0-9-]{8,64}$/.test(delivery))
        throw new AppError('USAGE', 'X-GitHub-Delivery is missing');
      about({ hook: params.hook, delivery });
      if (event !== 'push') return { jobs: [], ignored: `events of the kind ${String(event).slice(0, 40)}` };
      const { ref, repository } = body as { ref?: unknown; repository?: { full_name?: unknown } };
      if (repository?.full_name !== settings.repository) return { jobs: [], ignored: 'another repository' };
      if (ref !== `refs/heads/${settings.branch}`) return { jobs: [], ignored: 'another branch' };
      const { publish, templates } = settings;
      const publication = publish && {
        store: storeNamed(publish.store).reference,
        ...(publish.channel === undefined ? {} : { channel: publish.channel }),
      };
      // GitHub signs no time: a delivery that comes again is the same one. It is remembered and carried out together, or not at all.
      const made = await database.transaction(async (tx) => {
        const taken = await tx.query(
          'INSERT INTO hook_deliveries (hook, delivery) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING delivery',
          [params.hook, delivery],
        );
        if (taken.length === 0) return undefined;
        const ids: string[] = [];
        for (const template of templates) {
          const request = { kind: 'build' as const, template, ...(publication ? { publish: publication } : {}) };
          ids.push((await enqueue(tx, request, { requestedBy: `github:${params.hook}` })).job.id);
        }
        return ids;
      });
      return made === undefined ? { jobs: [], ignored: 'this delivery came before' } : { jobs: made };
    },
  };
}
