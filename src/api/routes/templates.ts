import type { ApiTemplateDetail, templatesContract } from '../../model/api/templates.ts';
import type { Plan } from '../../model/plan.ts';
import { templateJsonSchema } from '../../model/template-json-schema.ts';
import type { TemplateIndex } from '../../model/catalog.ts';
import { AppError } from '../../util/errors.ts';
import type { CheckedDefinition } from '../../pipeline/definitions.ts';
import type { Parts } from '../parts.ts';
import type { Handlers } from '../route.ts';

type Resolved = Record<string, unknown>;

export function templatesRoutes({ app, stores, view }: Parts): Handlers<typeof templatesContract> {
  const schema = templateJsonSchema();

  async function detail(name: string): Promise<ApiTemplateDetail> {
    const { text, language, digest } = await app.definition(name);
    const checked: CheckedDefinition = language === 'yaml' ? await app.checkDefinition(name, text) : { faults: [], warnings: [] };
    return {
      name,
      yaml: text,
      language,
      writable: language === 'yaml',
      etag: digest,
      ...(checked.loaded ? { resolved: checked.loaded.template as unknown as Resolved } : {}),
      extends: (checked.loaded?.definitions ?? []).slice(1).map(({ template }) => template),
      faults: checked.faults,
      warnings: checked.warnings,
    };
  }

  async function indexes(): Promise<TemplateIndex[]> {
    // Without a store there are templates all the same; one that fails is seen on the page of images.
    return stores.length === 0
      ? []
      : view(undefined)
          .indexes()
          .catch(() => []);
  }

  return {
    async 'GET /templates'({ may }) {
      const published = new Map((await indexes()).map((index) => [index.template, index]));
      const summaries = await app.templates();
      return summaries
        .filter(({ name }) => may('viewer', { template: name }))
        .map(({ name, file, description, distro, release, os, platforms, formats, error, warning }) => {
          const index = published.get(name);
          const newest = index?.images.find(({ revoked }) => !revoked)?.version;
          const channels = Object.fromEntries(
            Object.entries(index?.channels ?? {}).map(([channel, { version }]) => [channel, version]),
          );
          const writable = !file.endsWith('.ts');
          return {
            name,
            description,
            distro,
            release,
            os,
            platforms,
            formats,
            writable,
            channels,
            ...(error === undefined ? {} : { error }),
            ...(warning === undefined ? {} : { warning }),
            ...(newest === undefined ? {} : { newest }),
          };
        });
    },
    async 'POST /templates'({ body, must, about }) {
      must('builder', { template: body.name });
      about({ template: body.name });
      if (body.from !== undefined) must('viewer', { template: body.from });
      if ((body.yaml === undefined) === (body.from === undefined))
        throw new AppError('USAGE', 'body: needs either "from" or "yaml"');
      const text =
        body.yaml ??
        `name: ${body.name}\nextends: ${body.from ?? ''}\ndescription: A template of our own, from ${body.from ?? ''}\n`;
      await app.writeDefinition(body.name, text, 'none');
      return detail(body.name);
    },
    async 'GET /templates/:template'({ params, reply }) {
      const found = await detail(params.template);
      void reply.header('etag', `"${found.etag}"`);
      return found;
    },
    async 'PUT /templates/:template'({ params, body, raw }) {
      const match = raw.headers['if-match'];
      const seen = match === undefined ? undefined : /^(?:W\/)?"?(sha256:[0-9a-f]{64}|none)"?$/.exec(match)?.[1];
      if (match !== undefined && seen === undefined) throw new AppError('USAGE', 'If-Match: must be the etag of the template');
      await app.writeDefinition(params.template, body.yaml, seen);
      return detail(params.template);
    },
    async 'POST /templates/:template/check'({ params, body }) {
      const { faults, warnings, loaded } = await app.checkDefinition(params.template, body.yaml);
      return {
        ok: faults.length === 0,
        faults,
        warnings,
        ...(loaded ? { resolved: loaded.template as unknown as Resolved } : {}),
      };
    },
    'GET /template-schema': () => schema,
    async 'POST /plans'({ body, must, signal }) {
      must('builder', { template: body.template });
      const plan = await app.plan(body.template, { offline: body.offline, text: body.yaml }, signal);
      return previewOf(plan);
    },
  };
}

function previewOf({ id, template, arch, release, provisioning, lock }: Plan): {
  id: string;
  template: string;
  arch: string;
  release: Plan['release'];
  formats: string[];
  provisioning: { kind: string; name: string }[];
  packages: { name: string; version: string; arch: string; size: number }[];
  downloadBytes: number;
} {
  return {
    id,
    template: template.name,
    arch,
    release,
    formats: template.formats,
    provisioning: provisioning.map(({ kind, name }) => ({ kind, name })),
    packages: lock.packages
      .filter(({ role }) => role === 'image')
      .map(({ name, version, architecture, size }) => ({ name, version, arch: architecture, size })),
    downloadBytes: lock.packages.reduce((sum, { size }) => sum + size, 0),
  };
}
