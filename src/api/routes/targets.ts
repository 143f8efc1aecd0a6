import { parseImageReference } from '../../model/image-reference.ts';
import type { targetsContract } from '../../model/api/targets.ts';
import type { TargetResult } from '../../model/deploy.ts';
import type { AppError } from '../../util/errors.ts';
import type { Parts } from '../parts.ts';
import type { Handlers } from '../route.ts';

export function targetRoutes({ app, storeNamed, stores }: Parts): Handlers<typeof targetsContract> {
  return {
    'GET /targets': () =>
      Object.entries(app.config.targets).map(([name, settings]) => ({
        name,
        kind: settings.kind,
        hosts: 'hosts' in settings ? settings.hosts : [],
      })),
    async 'GET /deployments'({ query, may, signal }) {
      const store = query.store === undefined && stores.length === 0 ? undefined : storeNamed(query.store).reference;
      const listings = await app.deployments(query.target === undefined ? [] : [query.target], store, signal);
      return listings.map(({ target, deployments, error }) => ({
        target,
        deployments: deployments.filter(({ template }) => may('viewer', { template })),
        ...(error ? { error: failureOf(error) } : {}),
      }));
    },
    async 'POST /deployments/preview'({ body, must, signal }) {
      const image = parseImageReference(body.image);
      must('publisher', { template: image.template });
      const results = await app.deploy({ image, targets: body.targets, dryRun: true }, storeNamed(body.store).reference, signal);
      return results.map(resultOf);
    },
    async 'POST /deployments/rollback'({ body, must, signal, about }) {
      must('publisher', { template: body.template });
      about({ template: body.template, targets: body.targets.join(',') });
      const { template, targets, version } = body;
      const results = await app.rollBack({ template, targets, ...(version === undefined ? {} : { version }) }, signal);
      return results.map(resultOf);
    },
  };
}

function failureOf({ code, message, hint, faults }: AppError): {
  code: string;
  message: string;
  hint?: string;
  faults: AppError['faults'];
} {
  return { code, message, ...(hint === undefined ? {} : { hint }), faults };
}

function resultOf({ target, outcome, plan, deployment, error }: TargetResult): {
  target: string;
  outcome: string;
  plan?: { action: 'none' | 'promote' | 'import'; notes: string[] };
  deployment?: NonNullable<TargetResult['deployment']>;
  error?: ReturnType<typeof failureOf>;
} {
  return {
    target,
    outcome,
    ...(plan ? { plan: { ...plan } } : {}),
    ...(deployment ? { deployment } : {}),
    ...(error ? { error: failureOf(error) } : {}),
  };
}
