import {
  channelOf,
  channelsAt,
  compareVersions,
  type Promotion,
  type PublishedImage,
  type TemplateIndex,
} from '../../model/catalog.ts';
import type { ApiImageSummary, imagesContract } from '../../model/api/images.ts';
import type { Manifest } from '../../model/manifest.ts';
import { diffInventories, type Inventory, inventorySchema } from '../../model/inventory.ts';
import { type ImageReference, parseImageReference } from '../../model/image-reference.ts';
import { lockSchema } from '../../model/lock.ts';
import { supportOf } from '../../model/support.ts';
import type { Verdict } from '../../model/check.ts';
import type { BootedMachine } from '../../model/machine.ts';
import { AppError } from '../../util/errors.ts';
import { notAPerson } from '../access/caller.ts';
import { download } from '../http/download.ts';
import type { Parts } from '../parts.ts';
import type { Handlers } from '../route.ts';

type ImageHandlers = Handlers<Omit<typeof imagesContract, `${string} /channels${string}`>>;

interface NamedImage {
  template: string;
  version: string;
}

export function imageRoutes(parts: Parts): ImageHandlers {
  const { app, view, catalogFor, webhooks, now } = parts;
  const referenceTo = ({ template, version }: NamedImage): ImageReference => ({ template, by: 'version', version });

  async function shown(
    image: NamedImage,
    store: string | undefined,
  ): Promise<{ image: PublishedImage; manifest: Manifest; channels: string[] }> {
    return (await view(store).catalog()).show(referenceTo(image));
  }

  async function evidence(image: NamedImage, store: string | undefined, name: string): Promise<Buffer> {
    return (await view(store).catalog()).evidence(referenceTo(image), name);
  }

  async function evidenceOfKind(image: NamedImage, store: string | undefined, kind: string): Promise<Buffer> {
    const { manifest } = await shown(image, store);
    const found = manifest.evidence.find((file) => file.kind === kind);
    if (!found) throw new AppError('NOT_FOUND', `${image.template}@${image.version} has no evidence of the kind ${kind}`);
    return evidence(image, store, found.name);
  }

  async function checkReport(
    image: NamedImage,
    store: string | undefined,
  ): Promise<{ verdicts: Verdict[]; machines?: BootedMachine[] }> {
    return JSON.parse((await evidenceOfKind(image, store, 'check-report')).toString('utf8')) as never;
  }

  async function inventory(reference: ImageReference, store: string | undefined): Promise<Inventory> {
    const bytes = await (await view(store).catalog()).evidence(reference, 'inventory.json');
    return inventorySchema.parse(JSON.parse(bytes.toString('utf8')));
  }

  return {
    async 'GET /images'({ query, may }) {
      const { store, template, channel, search, revoked, cursor, limit } = query;
      const indexes = (await view(store).indexes()).filter(
        (index) => (template === undefined || index.template === template) && may('viewer', { template: index.template }),
      );
      const lines = indexes
        .flatMap((index) => index.images.map((image) => summaryOf(index, image, now())))
        .filter((line) => channel === undefined || line.channels.includes(channel))
        .filter((line) => revoked === undefined || (line.revoked !== undefined) === (revoked === 'true'))
        .filter((line) => search === undefined || textOf(line).includes(search.toLowerCase()))
        .toSorted(newestFirst);
      // A page begins after the last image of the one before, wherever that is now.
      const from = cursor === undefined ? 0 : lines.findIndex((line) => newestFirst(line, positionOf(cursor)) > 0);
      const items = from === -1 ? [] : lines.slice(from, from + limit);
      const last = items.at(-1);
      return { items, ...(last && from + limit < lines.length ? { next: cursorOf(last) } : {}) };
    },
    async 'GET /images/:template/:version'({ params, query }) {
      const found = await shown(params, query.store);
      const index = await view(query.store).index(params.template);
      const proposals = (index?.proposals ?? []).filter(({ digest }) => digest === found.image.digest);
      return { ...found, evidence: found.manifest.evidence, proposals };
    },
    async 'GET /images/:template/:version/packages'({ params, query }) {
      const lock = lockSchema.parse(JSON.parse((await evidenceOfKind(params, query.store, 'packages-lock')).toString('utf8')));
      const search = query.search?.toLowerCase() ?? '';
      return lock.packages
        .filter(({ role, name }) => role === 'image' && name.includes(search))
        .map(({ name, architecture, version }) => ({ name, arch: architecture, version }))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    },
    async 'GET /images/:template/:version/checks'({ params, query }) {
      return (await checkReport(params, query.store)).verdicts;
    },
    async 'GET /images/:template/:version/boots'({ params, query }) {
      return (await checkReport(params, query.store)).machines ?? [];
    },
    'GET /images/:template/:version/inventory': ({ params, query }) => inventory(referenceTo(params), query.store),
    async 'GET /images/:template/:version/provenance'({ params, query }) {
      const bundle = JSON.parse((await evidenceOfKind(params, query.store, 'provenance')).toString('utf8')) as {
        dsseEnvelope?: { payload?: string };
      };
      const statement = JSON.parse(Buffer.from(bundle.dsseEnvelope?.payload ?? '', 'base64').toString('utf8')) as Record<
        string,
        unknown
      >;
      return { bundle, statement };
    },
    async 'GET /images/:template/:version/ancestry'({ params, query, may }) {
      const { ancestors, descendants } = await (await view(query.store).catalog()).ancestry(referenceTo(params));
      const visible = ({ template }: { template: string }): boolean => may('viewer', { template });
      return {
        ancestors: ancestors.map(({ name }) => name).filter(visible),
        descendants: descendants.map(nameOf).filter(visible),
      };
    },
    async 'GET /images/:template/:version/report'({ params, query }) {
      return { body: await evidenceOfKind(params, query.store, 'check-report-junit') };
    },
    async 'GET /images/:template/:version/files/:file'({ params, query, raw, signal }) {
      const { image, manifest } = await shown(params, query.store);
      const files = [...manifest.artifacts, ...manifest.evidence];
      const file = files.find(({ name }) => name === params.file);
      const store = app.store(parts.storeNamed(query.store).reference);
      const folder = image.manifest.replace(/manifest\.json$/, '');
      if (file) return download(raw, { ...file, open: () => store.get(folder + file.name, signal) });
      // The manifest and its signatures, which it cannot name itself.
      if (params.file === 'manifest.json' || image.signatures.includes(params.file)) {
        const info = await store.head(folder + params.file);
        if (info)
          return download(raw, {
            name: params.file,
            size: info.size,
            digest: params.file === 'manifest.json' ? image.digest : undefined,
            open: () => store.get(folder + params.file, signal),
          });
      }
      throw new AppError('NOT_FOUND', `${params.template}@${params.version} has no file ${params.file}`);
    },
    async 'POST /images/:template/:version/revoke'({ params, query, body, caller, must }) {
      const catalog = await catalogFor(query.store, caller.name);
      const reference = referenceTo(params);
      // It takes descendants along, and moves channels: all of them must be his to act on.
      const { descendants } = await catalog.ancestry(reference);
      const indexes = await catalog.list();
      for (const image of [{ template: params.template, digest: (await catalog.show(reference)).image.digest }, ...descendants]) {
        must('publisher', { template: image.template });
        const index = indexes.find(({ template }) => template === image.template);
        for (const channel of index ? channelsAt(index, image) : []) must('publisher', { template: image.template, channel });
      }
      const result = await catalog.revoke(reference, body.reason, { fallback: body.fallback });
      view(query.store).forget();
      await webhooks.tell('image.revoked', { ...params, reason: body.reason, by: caller.name, also: result.revoked.length - 1 });
      return { revoked: result.revoked.map(nameOf), channels: result.channels };
    },
    async 'POST /images/:template/:version/restore'({ params, query, caller }) {
      const restored = await (await catalogFor(query.store, caller.name)).restore(referenceTo(params));
      view(query.store).forget();
      return { restored: restored.map(nameOf) };
    },
    async 'GET /diffs'({ query, must }) {
      const [from, to] = [parseImageReference(query.from), parseImageReference(query.to)];
      for (const { template } of [from, to]) must('viewer', { template });
      return diffInventories(await inventory(from, query.store), await inventory(to, query.store));
    },
  };
}

type ChannelHandlers = Handlers<
  Pick<typeof imagesContract, Extract<keyof typeof imagesContract, `${string} /channels${string}`>>
>;

export function channelRoutes(parts: Parts): ChannelHandlers {
  const { app, view, catalogFor, webhooks } = parts;
  const approvals = (channel: string): number => app.config.catalog.approvals[channel] ?? 1;

  async function moved(
    store: string | undefined,
    by: string,
    channel: string,
    { pending, ...image }: Promotion,
  ): Promise<{ image: PublishedImage; pending?: NonNullable<Promotion['pending']> }> {
    view(store).forget();
    const { template, version, digest } = image;
    await webhooks.tell(pending ? 'channel.proposed' : 'channel.moved', { template, channel, version, digest, by });
    return { image, ...(pending ? { pending } : {}) };
  }

  return {
    async 'GET /channels'({ query, may }) {
      const indexes = (await view(query.store).indexes()).filter(
        ({ template }) => (query.template === undefined || query.template === template) && may('viewer', { template }),
      );
      return indexes.flatMap(({ template, channels, proposals }) => {
        const names = new Set([...Object.keys(channels), ...proposals.map(({ channel }) => channel)]);
        return [...names].toSorted().map((channel) => {
          const at = channelOf({ channels } as TemplateIndex, channel);
          return {
            template,
            channel,
            digest: at?.digest ?? 'none',
            ...(at ? { version: at.version, promoted: at.promoted } : {}),
            ...(at?.by === undefined ? {} : { by: at.by }),
            needed: approvals(channel),
            proposals: proposals.filter((proposal) => proposal.channel === channel),
          };
        });
      });
    },
    async 'PUT /channels/:template/:channel'({ params, query, body, caller, about }) {
      if (caller.by === 'machine') throw notAPerson('move channels');
      const { template, channel } = params;
      about({ version: body.version });
      const catalog = await catalogFor(query.store, caller.name, { allowUnsupported: body.allowUnsupported });
      const reference: ImageReference = { template, by: 'version', version: body.version };
      return moved(query.store, caller.name, channel, await catalog.promote(channel, reference, body.seen));
    },
    async 'POST /channels/:template/:channel/approve'({ params, query, body, caller, about }) {
      if (caller.by === 'machine') throw notAPerson('move channels');
      const { template, channel } = params;
      const catalog = await catalogFor(query.store, caller.name);
      const [index] = await catalog.list(template);
      const proposal = index?.proposals.find((candidate) => candidate.channel === channel);
      if (proposal && proposal.digest !== body.digest) {
        throw new AppError('CONFLICT', `Something else is proposed for ${channel} meanwhile: ${proposal.version}`, {
          hint: 'Look at it again.',
        });
      }
      about({ version: proposal?.version ?? '' });
      return moved(query.store, caller.name, channel, await catalog.approve(template, channel));
    },
    async 'POST /channels/:template/:channel/rollback'({ params, query, body, caller, about }) {
      if (caller.by === 'machine') throw notAPerson('move channels');
      const { template, channel } = params;
      const catalog = await catalogFor(query.store, caller.name);
      const [index] = await catalog.list(template);
      const now = index && channelOf(index, channel);
      if (!index || !now) throw new AppError('NOT_FOUND', `${template} has no channel ${channel}`);
      const older = index.images.filter(({ version, revoked }) => !revoked && compareVersions(version, now.version) < 0);
      const wanted = body.version === undefined ? older[0] : older.find(({ version }) => version === body.version);
      if (!wanted) {
        throw new AppError('NOT_FOUND', `There is no older image of ${template} to go back to`, {
          hint: 'Older ones were pruned or revoked.',
        });
      }
      about({ version: wanted.version });
      const reference: ImageReference = { template, by: 'digest', digest: wanted.digest };
      return moved(query.store, caller.name, channel, await catalog.promote(channel, reference, body.seen));
    },
  };
}

function nameOf({ template, version, digest }: { template: string; version: string; digest: string }): {
  template: string;
  version: string;
  digest: string;
} {
  return { template, version, digest };
}

function summaryOf(index: TemplateIndex, image: PublishedImage, day: Date): ApiImageSummary {
  const { template, version, digest, os, arch, created, published, artifacts, checks, signatures, revoked } = image;
  const { pass, fail, warn, skip, booted } = checks;
  return {
    template,
    version,
    digest,
    os,
    arch,
    created,
    published,
    size: artifacts.reduce((sum, { size }) => sum + size, 0),
    formats: artifacts.map(({ format }) => format),
    channels: channelsAt(index, image),
    checks: { pass, fail, warn, skip, booted },
    signed: signatures.length > 0,
    support: supportOf(image, day) ?? 'unknown',
    ...(revoked ? { revoked: { reason: revoked.reason, by: revoked.by, at: revoked.at } } : {}),
  };
}

type Position = Pick<ApiImageSummary, 'published' | 'template' | 'version'>;

function newestFirst(a: Position, b: Position): number {
  if (a.published !== b.published) return a.published > b.published ? -1 : 1;
  return a.template === b.template ? compareVersions(b.version, a.version) : a.template < b.template ? -1 : 1;
}

function cursorOf({ published, template, version }: Position): string {
  return Buffer.from(JSON.stringify([published, template, version])).toString('base64url');
}

/** @throws AppError USAGE */
function positionOf(cursor: string): Position {
  try {
    const [published, template, version] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown[];
    if (typeof published === 'string' && typeof template === 'string' && typeof version === 'string')
      return { published, template, version };
  } catch {
    // Said below.
  }
  throw new AppError('USAGE', 'cursor: is not one of this list');
}

function textOf({ template, version, os, digest }: ApiImageSummary): string {
  return `${template}@${version} ${os} ${digest}`.toLowerCase();
}
