import { readFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { diagnoseStore, type DiagnosedStore, type GivenSettings } from './catalog/diagnose-store.ts';
import { openCatalog } from './catalog/open-catalog.ts';
import { openStore, type StoresConfig } from './catalog/open-store.ts';
import { componentsOf } from './catalog/component-lists.ts';
import { inventoryOf } from './catalog/inventories.ts';
import { publish, type PublishOptions } from './catalog/publish.ts';
import { signImage } from './catalog/sign-image.ts';
import { type StoreSweep, sweepStore } from './catalog/sweep-store.ts';
import { signAgain } from './catalog/sign-again.ts';
import { readSignedManifest } from './catalog/signed-manifest.ts';
import { type VerifiedImage, type VerifyPublished, verifyPublished } from './catalog/verify-published.ts';
import { renewSite } from './catalog/write-site.ts';
import { clonesChecks, guestChecks, rootfsChecks, unseededChecks } from './checks/index.ts';
import { type Config, type ConfigFlags, readConfig, writeStoreSettings } from './config.ts';
import { openImage } from './disk/open-image.ts';
import * as distroRegistry from './distros/index.ts';
import { readPackages, sbomOf, spdxDocument, takeInventory } from './evidence/index.ts';
import {
  bootstrapEngine,
  cloudImageEngine,
  exportFolder,
  findMirrors,
  installerEngine,
  packerEngine,
  packerExporter,
  removeTrees,
  writePackerFolder,
} from './engines/index.ts';
import * as formatRegistry from './formats/index.ts';
import { streamVhd } from './formats/vhd/stream.ts';
import { streamXva } from './formats/xva/stream.ts';
import { type Database, openDatabase } from './jobs/database.ts';
import { keyFiles } from './keys/key-folder.ts';
import { verifyManifest } from './keys/manifest-signatures.ts';
import { type Keys, openKeys, type TrustOptions, wholeFingerprint } from './keys/open-keys.ts';
import { folderSigning, signaturesToPublish } from './keys/sign-folder.ts';
import { trustVerdict } from './keys/trust-verdict.ts';
import type { BuildRequest, BuildResult, TemplateSummary } from './model/build.ts';
import type { Actor, Catalog, CatalogOptions, Promotion, TemplateIndex } from './model/catalog.ts';
import type { ImageReference } from './model/image-reference.ts';
import { keysWith } from './model/key-set.ts';
import type { SignatureFile } from './model/signer.ts';
import type { PublicKey } from './model/signing-key.ts';
import type { Verdict } from './model/check.ts';
import { findRelease, type Release } from './model/distro.ts';
import { diffInventories, type InventoryDiff } from './model/inventory.ts';
import type { DeployRequestOptions, TargetListing, TargetResult } from './model/deploy.ts';
import type { Conversion, ConversionRequest } from './model/conversion.ts';
import type { HostReport } from './model/host.ts';
import type { Inspection } from './model/inspection.ts';
import type { Plan } from './model/plan.ts';
import type { Arch } from './model/platform.ts';
import type { StepContext } from './model/step.ts';
import type { Store } from './model/store.ts';
import type { StoreProbe } from './model/store-diagnosis.ts';
import { buildAll } from './pipeline/build-all.ts';
import { type Ci, openCi } from './pipeline/ci/open-ci.ts';
import { checkSecrets, type SecretFact } from './pipeline/check-secrets.ts';
import { type CacheEntry, listCache, pruneCache } from './pipeline/cache.ts';
import { deploy, listTargets, removeDeployments, rollBack, sweepTargets } from './pipeline/deploy.ts';
import { markRevoked } from './pipeline/deploy-revoked.ts';
import { convertFile } from './pipeline/convert-file.ts';
import { exportTemplate } from './pipeline/export-template.ts';
import { inspectHost } from './pipeline/doctor.ts';
import {
  type CheckedDefinition,
  checkDefinition,
  type Definition,
  loadText,
  readDefinition,
  writeDefinition,
} from './pipeline/definitions.ts';
import { inspectFile } from './pipeline/inspect-file.ts';
import { listTemplates } from './pipeline/list-templates.ts';
import { type LoadOptions, loadTemplate } from './pipeline/load.ts';
import { makePlan } from './pipeline/make-plan.ts';
import { type InitRepository, initRepository } from './pipeline/init-repository.ts';
import { newTemplate } from './pipeline/new-template.ts';
import { readManifest, versionsIn } from './pipeline/output-folder.ts';
import { type ConsoleRequest, photographConsole, type ServeConsole, serveConsole } from './pipeline/machine-console.ts';
import { openRun } from './pipeline/runs.ts';
import type { Services } from './pipeline/services.ts';
import type { ConfiguredTarget, DeployServices } from './pipeline/targets.ts';
import { verifyImage } from './pipeline/verify-image.ts';
import * as signerRegistry from './signers/index.ts';
import { signStatement, verifyStatement } from './signers/sigstore-bundle.ts';
import * as storeRegistry from './stores/index.ts';
import * as targetRegistry from './targets/index.ts';
import { readCredential } from './util/credential.ts';
import { withEnvFile } from './util/env-file.ts';
import { AppError } from './util/errors.ts';
import { EventBus } from './util/events.ts';
import { Scope } from './util/scope.ts';
import { userName } from './util/user-name.ts';
import { proveKvm, qemuHost } from './vms/index.ts';

/** The composition root: the one file that names every plugin, and hands them to what needs them. */

const root = join(import.meta.dirname, '..');

/** How an image is to be published. */
export interface PublishWish extends Actor {
  channel?: string;
  /** The most bytes a second. */
  limit?: number | undefined;
  /** The job that publishes, and what it is asked right before the index is written. */
  job?: { id: string; permit: () => Promise<void> } | undefined;
}

export interface App {
  config: Config;
  /** Everything that happens is announced here. */
  bus: EventBus;
  /** Of Gabarit. */
  version: string;
  templates(): Promise<TemplateSummary[]>;
  newTemplate(name: string, from: string, folder: string): Promise<string>;
  /** `allowEndOfLife`: also of a release that nobody repairs any more; `text`: instead of what was saved. */
  plan(
    name: string,
    options: { arch?: Arch; offline: boolean; allowEndOfLife?: boolean; text?: string | undefined },
    signal: AbortSignal,
  ): Promise<Plan>;
  /** A definition as a text. @throws AppError TEMPLATE_NOT_FOUND */
  definition(name: string): Promise<Definition>;
  /** Finds the faults of a text without writing it. */
  checkDefinition(name: string, text: string): Promise<CheckedDefinition>;
  /** Writes it into the folder for own templates, if it is still what was seen. @throws AppError TEMPLATE_INVALID, CONFLICT */
  writeDefinition(name: string, text: string, seen: string | undefined): Promise<void>;
  /** Makes a repository of definitions; returns the files in it. */
  initRepository(request: Omit<InitRepository, 'folders' | 'skeleton' | 'version'>): Promise<string[]>;
  /** Writes a folder that Packer makes the image from. @throws AppError CONFLICT when the folder exists */
  exportPacker(
    name: string,
    options: {
      builder: string;
      dialect: '1.6' | 'current';
      folder?: string;
      /** Puts the answers of the installer onto the vendor's medium. */
      repack?: boolean;
      offline: boolean;
      allowEndOfLife: boolean;
    },
    signal: AbortSignal,
  ): Promise<{ folder: string; files: string[]; plan: string }>;
  build(request: BuildRequest, signal: AbortSignal): Promise<BuildResult[]>;
  /** Proves the image in an output folder; a failed check is a verdict, not an error. */
  verify(folder: string, options: { boot: boolean }, signal: AbortSignal): Promise<Verdict[]>;
  /** Writes a disk in another format. */
  convert(request: ConversionRequest, signal: AbortSignal): Promise<Conversion>;
  /** Says what a file is, by its content. */
  inspect(file: string, options: { from?: string }, signal: AbortSignal): Promise<Inspection>;
  /** A store is named by its URL or by its name in the configuration. */
  publish(folder: string, store: string, options: PublishWish, signal: AbortSignal): Promise<Promotion>;
  /** Tries out the way to a store. */
  storeDoctor(store: string, given: GivenSettings, signal: AbortSignal): Promise<DiagnosedStore>;
  /** Removes unfinished uploads from a store. */
  sweepStore(store: string, options: { olderThanMs: number; dryRun: boolean }, signal: AbortSignal): Promise<StoreSweep>;
  /** Sets what the configuration file says about a store. Returns the path of the file. */
  writeStore(name: string, settings: Readonly<Record<string, unknown>>): Promise<string>;
  catalog(store: string, actor?: Actor): Promise<Catalog>;
  /** Compares two images: output folders, or references into the catalog of a store. */
  diff(from: string, to: string, store: string | undefined): Promise<InventoryDiff>;
  /** The list of components of an image, named like those that `diff` takes. */
  sbom(image: string, store: string | undefined, as: 'cyclonedx' | 'spdx'): Promise<object>;
  /** Brings an image of a store to targets; a target that fails is a result, not an error. */
  deploy(request: DeployRequestOptions, store: string, signal: AbortSignal): Promise<TargetResult[]>;
  rollBack(request: Parameters<typeof rollBack>[0], signal: AbortSignal): Promise<TargetResult[]>;
  /** What lies on targets, all of the configuration when none is named; with a store, which images were revoked there. */
  deployments(targets: string[], store: string | undefined, signal: AbortSignal): Promise<TargetListing[]>;
  removeDeployments(request: Parameters<typeof removeDeployments>[0], signal: AbortSignal): Promise<TargetResult[]>;
  sweepDeployments(targets: string[], signal: AbortSignal): Promise<TargetResult[]>;
  /** What a machine on a target shows, as PNG. */
  photographConsole(request: ConsoleRequest, signal: AbortSignal): Promise<Buffer>;
  /** Brings viewers of VNC on this host to a machine on a target, until the signal says so. */
  serveConsole(request: ServeConsole, signal: AbortSignal): Promise<void>;
  keys: Keys;
  /** Puts a new key in the place of this user's, in all stores that know it. */
  rotateKey(stores: readonly string[], signal: AbortSignal): Promise<{ before: PublicKey; after: PublicKey }>;
  /** Signs the indexes of a store anew, those of some templates or all, and its keys: they are good for another while. */
  refreshCatalog(store: string, templates: readonly string[], signal: AbortSignal): Promise<TemplateIndex[]>;
  /** Verifies a published image, from the keys that this machine trusts to the last byte; what fails is a verdict. */
  verifyPublished(
    reference: ImageReference,
    store: string,
    options: { quick: boolean; fingerprint?: string | undefined },
    signal: AbortSignal,
  ): Promise<VerifiedImage>;
  /** Signs the manifest of a published image again, in place of its signatures. @throws AppError NOT_TRUSTED */
  signPublished(
    reference: ImageReference,
    store: string,
    signal: AbortSignal,
  ): Promise<{ signedBy: PublicKey; files: SignatureFile[] }>;
  /** Looks after the secrets that the configuration names, and this user's keys. */
  checkSecrets(maxAgeDays: number): Promise<SecretFact[]>;
  /** Opens the store that a URL or a name of the configuration means. @throws AppError USAGE, CONFIG_INVALID */
  store(reference: string): Store;
  /** The value of a credential reference. @throws AppError CONFIG_INVALID */
  credential(reference: string): Promise<string>;
  /** Opens the database of the server: PostgreSQL when the configuration names one, else the one in the state folder. @throws AppError DATABASE_IN_USE */
  database(): Promise<Database>;
  ci: Ci;
  cacheList(): Promise<CacheEntry[]>;
  cachePrune(options: { maxBytes?: number; all: boolean }, signal: AbortSignal): Promise<{ removed: CacheEntry[] }>;
  doctor(signal: AbortSignal): Promise<HostReport>;
}

export async function createApp(flags: ConfigFlags, surroundings: NodeJS.ProcessEnv = process.env): Promise<App> {
  const environment = flags.envFile === undefined ? surroundings : await withEnvFile(flags.envFile, surroundings);
  const config = await readConfig(flags, environment, join(root, 'templates'));
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
  const bus = new EventBus();
  const distros = Object.values(distroRegistry);
  const stores: StoresConfig = {
    plugins: Object.values(storeRegistry),
    stores: config.stores,
    context: { environment, stateDir: config.stateDir, emit: bus.emitter() },
  };
  const signers = Object.values(signerRegistry);
  const now = (): Date => new Date();
  const { keysDir, stateDir, signing } = config;
  const keys = openKeys({ keysDir, stateDir, signing, environment, signers, emit: bus.emitter(), now });
  const machines = qemuHost(config.consoleDir);
  const services: Services = {
    version,
    distros,
    engines: [
      bootstrapEngine({ distros, mirrors: config.mirrors, guestMirrors: config.guestMirrors }),
      cloudImageEngine({ distros, machines }),
      installerEngine({ distros, machines, mirrors: () => findMirrors(config.mirrors) }),
      packerEngine({ distros, proveKvm }),
    ],
    formats: Object.values(formatRegistry),
    checks: rootfsChecks,
    bootChecks: [...guestChecks, ...clonesChecks, ...unseededChecks],
    machineHost: machines,
    openSubject: openImage,
    takeStock: async (rootfs) => ({ inventory: await takeInventory(rootfs), packages: await readPackages(rootfs) }),
    sbomOf,
    signing: folderSigning({
      signers,
      signStatement,
      verifyStatement,
      signingKey: () => keys.signingKey(),
      knownKeys: () => keys.known(),
      now,
    }),
    removeTrees,
    provisionDir: join(root, 'templates/provision'),
    cacheDir: config.cacheDir,
    cacheLimit: config.cacheLimit,
    bus,
    load: { folders: config.templateDirs, distros },
  };
  const deployServices: DeployServices = {
    targets: configuredTargets(config),
    formats: services.formats,
    pack: streamXva,
    packDisk: streamVhd,
    credential: (reference) => readCredential(reference, environment),
    stateDir: config.stateDir,
    by: `${userName()}@${hostname()}`,
    version,
    bus,
  };
  const load: LoadOptions = { ...services.load, engines: services.engines };

  /** Calls `work` with a work folder of its own, which is gone afterwards. */
  async function inRun<T>(name: string, signal: AbortSignal, work: (ctx: StepContext) => Promise<T>): Promise<T> {
    await using scope = new Scope();
    const { workdir } = await openRun(config.cacheDir, name, scope);
    const emit = bus.emitter(name);
    const ctx: StepContext = { workdir, cacheDir: config.cacheDir, offline: false, force: false, signal, scope, emit };
    scope.defer(() => removeTrees([workdir], { ...ctx, signal: new AbortController().signal }));
    return await work(ctx);
  }

  /** How the catalog of a store is read and written by this machine: believed as far as it is signed by keys that the machine trusts. */
  async function trustedOptions(store: Store, actor: Actor, trust: TrustOptions = {}): Promise<CatalogOptions> {
    const { signer, trust: documents, onIndex } = await keys.trust(store, trust);
    return { ...catalogOptions(actor), signer, trust: documents, onIndex };
  }

  async function catalog(name: string, actor: Actor = {}): Promise<Catalog> {
    const store = openStore(name, stores);
    return openCatalog(store, await trustedOptions(store, actor));
  }

  async function publishOptions(
    folder: string,
    store: Store,
    actor: Actor,
    signal: AbortSignal,
  ): Promise<CatalogOptions & Pick<PublishOptions, 'signatures'>> {
    const trusted = await keys.trust(store, { create: true, signal });
    const emit = bus.emitter();
    return {
      ...catalogOptions(actor),
      signer: trusted.signer,
      trust: trusted.trust,
      onIndex: trusted.onIndex,
      signatures: async ({ manifestBytes }) =>
        signaturesToPublish(folder, manifestBytes, {
          signers,
          key: await keys.signingKey(),
          active: trusted.keys ? keysWith(trusted.keys, 'active') : [],
          now: now(),
          onSign: ({ name, id }) => emit({ type: 'log', level: 'info', message: `Signed by ${name} (${id})` }),
        }),
    };
  }

  async function verifyInStore(
    reference: ImageReference,
    name: string,
    { quick, fingerprint }: { quick: boolean; fingerprint?: string | undefined },
    signal: AbortSignal,
  ): Promise<VerifiedImage> {
    const store = openStore(name, stores);
    const fingerprints = fingerprint === undefined ? {} : { fingerprints: [wholeFingerprint(fingerprint)] };
    let imageKeys: PublicKey[] = [];
    let options: CatalogOptions = {};
    const parts: VerifyPublished = {
      store,
      async openTrust() {
        const trusted = await keys.trust(store, { ...fingerprints, signal });
        imageKeys = trusted.imageKeys;
        options = { ...catalogOptions({}), trust: trusted.trust, onIndex: trusted.onIndex };
        return trustVerdict(store, trusted);
      },
      openCatalog: () => openCatalog(store, options),
      readManifest: (image) =>
        readSignedManifest(store, image, signers, (bytes, files, where) =>
          verifyManifest(bytes, files, signers, imageKeys, where),
        ),
    };
    return verifyPublished(reference, parts, { quick, signal, emit: bus.emitter() });
  }

  /** An image that is deployed is the one that was signed. */
  async function mustBeVerified(reference: ImageReference, store: string, signal: AbortSignal): Promise<void> {
    const { verdicts, failure } = await verifyInStore(reference, store, { quick: true }, signal);
    if (failure === undefined) return;
    const failed = verdicts.filter(({ status }) => status === 'fail');
    throw new AppError(failure, failed[0]?.message ?? 'The image is not to be trusted');
  }

  const catalogOptions = ({ by = userName(), allowUnsupported }: Actor): CatalogOptions => ({
    by,
    allowUnsupported,
    approvals: config.catalog.approvals,
    site: true,
    emit: bus.emitter(),
  });
  const endOfLife = (distro: string, release: string): Release['endOfLife'] | undefined => {
    const found = distros.find(({ id }) => id === distro);
    return found && findRelease(found, release)?.endOfLife;
  };

  return {
    config,
    bus,
    version,
    templates: async () => withNewest(await listTemplates(load), config.outputDir),
    newTemplate: (name, from, folder) => newTemplate({ name, from, folder, folders: config.templateDirs }),
    initRepository: (request) =>
      initRepository({ ...request, folders: config.templateDirs, skeleton: join(root, 'templates/repository'), version }),
    async plan(name, { arch, offline, allowEndOfLife, text }, signal) {
      const loading = { ...load, allowEndOfLife, signal };
      const loaded =
        text === undefined ? await loadTemplate(name, loading) : await loadText(name, text, config.ownTemplatesDir, loading);
      return makePlan(loaded, arch, services, { cacheDir: config.cacheDir, offline, signal, emit: bus.emitter(name) });
    },
    definition: (name) => readDefinition(name, load),
    checkDefinition: (name, text) => checkDefinition(name, text, config.ownTemplatesDir, load),
    writeDefinition: (name, text, seen) => writeDefinition(name, text, config.ownTemplatesDir, seen, load),
    exportPacker: (name, { builder, dialect, folder, repack = false, offline, allowEndOfLife }, signal) =>
      inRun('export', signal, (run) => {
        const ctx = { ...run, offline };
        const request = {
          template: name,
          engine: packerExporter(distros),
          builder,
          folder: folder ?? join('packer', `${basename(name).replace(/\.(ya?ml|ts)$/, '')}-${builder}`),
          async write(plan: Plan, to: string) {
            const files = await exportFolder(plan, distros, dialect, repack ? ctx : undefined);
            await writePackerFolder(to, files);
            return files;
          },
        };
        const exporting = { ...services, engines: [request.engine] };
        return exportTemplate(request, { ...load, allowEndOfLife, signal }, exporting, ctx);
      }),
    build: (request, signal) => buildAll(request, services, signal),
    verify: (folder, options, signal) => inRun('verify', signal, (ctx) => verifyImage(folder, options, services, ctx)),
    async publish(folder, reference, { channel, limit, job, ...actor }, signal) {
      const store = openStore(reference, { ...stores, context: { ...stores.context, limit } });
      // Nothing is put into a store for a folder that holds no image.
      await readManifest(folder);
      const options = {
        ...(await publishOptions(folder, store, actor, signal)),
        emit: bus.emitter(),
        channel,
        signal,
        endOfLife,
        job: job?.id,
        permit: job?.permit,
      };
      const image = await publish(folder, store, options);
      await renewSite(openCatalog(store, options), options.emit, signal);
      return image;
    },
    storeDoctor(store, given, signal) {
      const emit = bus.emitter();
      const onProbe = ({ id, found, title, status, hint }: StoreProbe): void =>
        emit({ type: 'probe', probe: id, title, status, message: found, ...(hint === undefined ? {} : { hint }) });
      return diagnoseStore(store, given, stores, { signal, onProbe });
    },
    sweepStore: (store, options, signal) => sweepStore(store, { ...options, signal }, stores),
    writeStore: (name, settings) => writeStoreSettings(flags.configFile, name, settings),
    catalog,
    diff: async (from, to, store) => {
      const opened = store === undefined ? undefined : await catalog(store);
      return diffInventories(await inventoryOf(from, opened), await inventoryOf(to, opened));
    },
    sbom: async (image, store, as) => {
      const { written, list } = await componentsOf(image, store === undefined ? undefined : await catalog(store));
      return as === 'spdx' ? spdxDocument(list) : written;
    },
    keys,
    store: (reference) => openStore(reference, stores),
    credential: (reference) => readCredential(reference, environment),
    ci: openCi({
      load,
      ownFolders: config.templateDirs.slice(0, -1),
      outputDir: config.outputDir,
      repository: process.cwd(),
      variables: environment,
      makePlan: (loaded, { offline }, signal) =>
        makePlan(loaded, undefined, services, { cacheDir: config.cacheDir, offline, signal, emit: bus.emitter() }),
      openCatalog: catalog,
      inRun,
    }),
    rotateKey: (names, signal) =>
      keys.rotate(
        names.map((name) => openStore(name, stores)),
        async (store, signingKey) => {
          await signAgain(store, [], await trustedOptions(store, {}, { signingKey, signal }), signal);
        },
      ),
    refreshCatalog: async (name, templates, signal) => {
      const store = openStore(name, stores);
      const options = await trustedOptions(store, {}, { signal });
      await keys.renew(store);
      return signAgain(store, templates, options, signal);
    },
    async signPublished(reference, name, signal) {
      const store = openStore(name, stores);
      const { keys: known } = await keys.trust(store, { signal });
      const { image } = await openCatalog(store, await trustedOptions(store, {}, { signal })).show(reference);
      return signImage(store, image, (manifest) => keys.signFor(store, known, manifest), signal);
    },
    verifyPublished: verifyInStore,
    async checkSecrets(maxAgeDays) {
      const { stores: configured, targets } = config;
      return checkSecrets({
        configuration: { stores: configured, targets, signing: { key: signing.key } },
        files: (await keyFiles(keysDir)).map(({ name, path }) => ({ named: `key ${name}`, path })),
        environment,
        maxAgeDays,
        now: now(),
      });
    },
    deploy: (request, store, signal) =>
      inRun('deploy', signal, async (ctx) => {
        const opened = openStore(store, stores);
        const trusted = openCatalog(opened, await trustedOptions(opened, {}, { signal }));
        // From here on it is this image, wherever its channel may be moved.
        const { template, digest } = await trusted.resolve(request.image);
        const image: ImageReference = { template, by: 'digest', digest };
        await mustBeVerified(image, store, signal);
        const source = { catalog: trusted, store: opened };
        return deploy({ ...request, image }, source, deployServices, { ...ctx, emit: bus.emitter() });
      }),
    rollBack: (request, signal) => rollBack(request, deployServices, signal),
    deployments: async (targets, store, signal) => {
      const listings = await listTargets(targets, deployServices, signal);
      return store === undefined ? listings : markRevoked(listings, await catalog(store));
    },
    removeDeployments: (request, signal) => removeDeployments(request, deployServices, signal),
    sweepDeployments: (targets, signal) => sweepTargets(targets, deployServices, signal),
    photographConsole: (request, signal) => photographConsole(request, deployServices, signal),
    serveConsole: (request, signal) => serveConsole(request, deployServices, signal),
    convert: (request, signal) => inRun('convert', signal, (ctx) => convertFile(request, services.formats, ctx, environment)),
    inspect: (file, options, signal) => inRun('inspect', signal, (ctx) => inspectFile(file, options, services.formats, ctx)),
    database: () =>
      openDatabase(
        config.databaseUrl === undefined ? { folder: join(config.stateDir, 'database') } : { url: config.databaseUrl },
      ),
    cacheList: () => listCache(config.cacheDir),
    cachePrune: (options, signal) => pruneCache(options, services, signal),
    doctor: (signal) => inRun('doctor', signal, (ctx) => examineHost(config, ctx)),
  };
}

function configuredTargets({ targets }: Config): Map<string, ConfiguredTarget> {
  const { xcpNg } = targetRegistry;
  return new Map(
    Object.entries(targets).map(([name, settings]) => [
      name,
      { platform: xcpNg.platform, open: (ctx) => xcpNg.open(name, settings, ctx) },
    ]),
  );
}

async function withNewest(summaries: TemplateSummary[], outputDir: string): Promise<TemplateSummary[]> {
  return Promise.all(
    summaries.map(async (summary) => {
      const newest = (await versionsIn(join(outputDir, summary.name))).at(-1);
      return newest === undefined ? summary : { ...summary, newest };
    }),
  );
}

async function examineHost({ cacheDir, outputDir, mirrors }: Config, ctx: StepContext): Promise<HostReport> {
  // One release file of each mirror is enough to see that it answers.
  const suites: Record<string, string> = { debian: 'bookworm', 'debian-security': 'bookworm-security' };
  const probes = Object.entries(await findMirrors(mirrors)).flatMap(([name, url]) => {
    const suite = suites[name];
    return suite === undefined ? [] : [{ name, url: `${url}/dists/${suite}/InRelease` }];
  });
  const proof = (): ReturnType<typeof proveKvm> => proveKvm(ctx);
  return await inspectHost({ cacheDir, outputDir, tempDir: tmpdir(), mirrors: probes, proveKvm: proof, signal: ctx.signal });
}
