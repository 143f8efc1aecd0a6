import { digestOf } from '../../src/util/digest.ts';
import { serverSettingsSchema } from '../../src/model/server-settings.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { App } from '../../src/app.ts';
import type { BuildRequest, BuildResult } from '../../src/model/build.ts';
import type { TargetResult } from '../../src/model/deploy.ts';
import type { Deployment, DeployPlan } from '../../src/model/target.ts';
import type { Verdict } from '../../src/model/check.ts';
import { inventoryOf } from '../../src/catalog/inventories.ts';
import { openCatalog } from '../../src/catalog/open-catalog.ts';
import { openKeys } from '../../src/keys/open-keys.ts';
import { publish } from '../../src/catalog/publish.ts';
import { openDatabase } from '../../src/jobs/database.ts';
import { diffInventories } from '../../src/model/inventory.ts';
import * as formatRegistry from '../../src/formats/index.ts';
import { convertFile } from '../../src/pipeline/convert-file.ts';
import { openCi } from '../../src/pipeline/ci/open-ci.ts';
import { inspectFile } from '../../src/pipeline/inspect-file.ts';
import type { StepContext } from '../../src/model/step.ts';
import { openFileStore } from '../../src/stores/file.ts';
import { AppError } from '../../src/util/errors.ts';
import { readCredential } from '../../src/util/credential.ts';
import { Scope } from '../../src/util/scope.ts';
import { type Emit, EventBus } from '../../src/util/events.ts';

/** What the fake application was asked, for tests of the command line. */
export interface FakeApp extends App {
  requests: BuildRequest[];
}

const mebibyte = 2 ** 20;
const formats = Object.values(formatRegistry);

/** Calls `work` with a work folder of its own, which is gone afterwards. */
async function inFolder<T>(bus: EventBus, signal: AbortSignal, work: (ctx: StepContext) => Promise<T>): Promise<T> {
  await using scope = new Scope();
  const workdir = await mkdtemp(join(tmpdir(), 'fake-app-'));
  scope.defer(() => rm(workdir, { recursive: true }));
  return await work({ workdir, cacheDir: workdir, offline: true, force: false, signal, scope, emit: bus.emitter() });
}

/**
 * An application that builds nothing, and tells of it as a real one does. Templates named `bad` fail, `bug` throws what is no AppError, `deaf` hears no signal;
 * each of its four pauses is `pauseMs` long. Publishing, the catalog, conversions and inspections are the real ones.
 */
export function fakeApp(pauseMs = 0): FakeApp {
  const bus = new EventBus();
  const approvals = { production: 2 };
  const requests: BuildRequest[] = [];
  const verdicts: Verdict[] = [
    { check: 'machine-id', title: 'No machine identity', status: 'pass', message: '' },
    { check: 'ssh-port', title: 'Only SSH listens', status: 'skip', message: 'not booted' },
  ];
  return {
    bus,
    requests,
    credential: (reference) => readCredential(reference, {}),
    version: '0.1.0',
    config: {
      cacheDir: '/cache',
      cacheLimit: 0,
      outputDir: '/work/out',
      templateDirs: [],
      mirrors: {},
      guestMirrors: {},
      stores: {},
      catalog: { approvals },
      targets: {},
      stateDir: '/state',
      ownTemplatesDir: '/state/templates',
      server: serverSettingsSchema.parse({}),
      signing: { fingerprints: [] },
      keysDir: '/keys',
      databaseUrl: undefined,
      consoleDir: undefined,
    },
    initRepository: async () => ['README.md'],
    ci: openCi({
      load: { folders: [], distros: [] },
      ownFolders: [],
      outputDir: '/work/out',
      repository: '/work',
      variables: {},
      makePlan: () => Promise.reject(new AppError('MIRROR_UNREACHABLE', 'no mirror')),
      openCatalog: () => Promise.reject(new AppError('STORE_FAILED', 'no store')),
      inRun: (_, signal, work) => inFolder(bus, signal, work),
    }),
    definition: async (name) => ({
      name,
      file: `/t/${name}.yaml`,
      text: `name: ${name}\n`,
      language: 'yaml',
      digest: digestOf(name),
    }),
    checkDefinition: async () => ({ faults: [], warnings: [] }),
    writeDefinition: async () => undefined,
    templates: async () => [
      {
        name: 'debian-12',
        file: '/t/debian-12.yaml',
        description: 'A server',
        distro: 'debian',
        release: '12',
        os: 'Debian 12 "bookworm"',
        platforms: ['kvm'],
        formats: ['qcow2'],
      },
      {
        name: 'broken',
        file: '/t/broken.yaml',
        description: '',
        distro: '',
        release: '',
        os: '',
        platforms: [],
        formats: [],
        error: '/t/broken.yaml:1:1: no',
      },
    ],
    exportPacker: async (name, { builder, folder }) => ({
      folder: folder ?? `packer/${name}-${builder}`,
      files: [],
      plan: 'sha256:00',
    }),
    newTemplate: async (name, _from, folder) => `/work/${folder}/${name}.yaml`,
    plan: () =>
      Promise.reject(
        new AppError('TEMPLATE_INVALID', 'x.yaml has 2 faults', {
          faults: [{ message: 'unknown key', file: 'x.yaml', line: 3, column: 1, hint: 'did you mean "name"?' }],
        }),
      ),
    async build(request, signal) {
      requests.push(request);
      const names = request.templates;
      return Promise.all(names.map((name) => fakeBuild(name, bus.emitter(name), pauseMs, signal)));
    },
    deploy: ({ targets, image, dryRun }) =>
      Promise.all(targets.map((target) => fakeDeployment(target, image.template, dryRun, bus.emitter(target)))),
    rollBack: async ({ targets, template }) =>
      targets.map((target) => ({ target, outcome: 'promoted', durationMs: 40, deployment: deploymentOn(target, template) })),
    deployments: async (targets, store) =>
      (targets.length > 0 ? targets : ['lab']).map((target) => ({
        target,
        deployments: [
          {
            ...deploymentOn(target, 'debian-12'),
            drift: ['it is called "x" instead of "debian-12"'],
            ...(store === undefined ? {} : { revoked: 'a hole in openssl' }),
          },
        ],
      })),
    removeDeployments: async ({ targets, template }) =>
      targets.map((target) => ({ target, outcome: 'removed', durationMs: 40, removed: [deploymentOn(target, template)] })),
    photographConsole: async () => Buffer.from('PNG'),
    serveConsole: async ({ machine, onServing }) => onServing({ machine, port: 5901 }),
    sweepDeployments: async () => [
      {
        target: 'lab',
        outcome: 'swept',
        durationMs: 40,
        swept: [{ kind: 'vm', name: 'debian-12 (20261123.1, importing, run 1)', run: '1' }],
      },
    ],
    keys: openKeys({
      keysDir: '/nowhere/keys',
      stateDir: '/nowhere/state',
      signing: { fingerprints: [] },
      environment: {},
      signers: [],
      emit: bus.emitter(),
      now: () => new Date(),
    }),
    store: openFileStore,
    checkSecrets: async () => [
      {
        named: 'stores.prod.credentials.secretKey',
        reference: 'file:/s',
        status: 'warn',
        message: 'open',
        ageDays: 3,
        mode: '644',
      },
      { named: 'targets.lab.password', reference: 'env:PW', status: 'fail', message: 'no variable PW is in the environment' },
    ],
    rotateKey: () => Promise.reject(new AppError('NOT_FOUND', 'There is no key')),
    refreshCatalog: async () => [],
    signPublished: () => Promise.reject(new AppError('NOT_TRUSTED', 'This machine has no key to sign with')),
    verifyPublished: async (reference) => {
      const reached: Verdict = { check: 'keys', title: 'The keys are trusted', status: 'pass', message: 'number 1' };
      const broken: Verdict = {
        check: 'manifest',
        title: 'The manifest is signed',
        status: 'fail',
        message: 'one byte is wrong',
      };
      if (reference.template !== 'forged') return { verdicts: [reached] };
      return { verdicts: [reached, broken], failure: 'DIGEST_MISMATCH' };
    },
    database: () => openDatabase({ folder: join(tmpdir(), 'fake-app-database') }),
    cacheList: async () => [{ kind: 'package', name: 'packages/x.deb', size: 3 * mebibyte, usedMs: 0 }],
    cachePrune: async ({ all }) => ({
      removed: all ? [{ kind: 'package', name: 'packages/x.deb', size: 3 * mebibyte, usedMs: 0 }] : [],
    }),
    verify: async (dir) =>
      dir === 'bad'
        ? [...verdicts, { check: 'ports', title: 'Ports', status: 'fail', message: 'port 25 listens', subject: 'bios' }]
        : verdicts,
    publish: (dir, storeUrl, { channel, job, ...actor }, signal) =>
      publish(dir, openFileStore(storeUrl), { channel, ...job, job: job?.id, ...actor, approvals, emit: bus.emitter(), signal }),
    storeDoctor: async (store) => ({
      name: undefined,
      diagnosis: {
        schema: 'gabarit.store-diagnosis/1',
        url: store,
        endpoint: 'https://s3.mirror.example',
        probes: [{ id: 'name', title: 'Name', status: 'fail', found: 'there is no such host', hint: 'Look for a slip.' }],
        causes: ['name-unknown'],
        works: false,
        settings: { url: store },
        changes: [],
        leftovers: [],
      },
    }),
    sweepStore: async (url, { dryRun }) => ({ schema: 'gabarit.store-sweep/1', url, dryRun, uploads: [], bytes: 0 }),
    writeStore: async () => 'gabarit.yaml',
    sbom: (image, store, as) => Promise.resolve({ image, store, as }),
    catalog: async (storeUrl, actor = {}) =>
      openCatalog(openFileStore(storeUrl), { ...actor, approvals, site: true, emit: bus.emitter() }),
    async diff(from, to, store) {
      const catalog = store === undefined ? undefined : openCatalog(openFileStore(store));
      return diffInventories(await inventoryOf(from, catalog), await inventoryOf(to, catalog));
    },
    convert: (request, signal) => inFolder(bus, signal, (ctx) => convertFile(request, formats, ctx)),
    inspect: (file, options, signal) => inFolder(bus, signal, (ctx) => inspectFile(file, options, formats, ctx)),
    doctor: async () => ({
      schema: 'gabarit.host/1',
      facts: [
        {
          id: 'kvm',
          title: 'KVM',
          neededFor: 'verify',
          status: 'warn',
          found: 'there is no /dev/kvm',
          hint: 'Machines are emulated.',
        },
      ],
      canBuild: false,
      canVerify: true,
    }),
  };
}

function deploymentOn(target: string, template: string): Deployment {
  const image = { template, version: '20261123.1', digest: `sha256:${'0'.repeat(64)}` };
  return { ...image, target, state: 'current', id: '7a1c', name: template, drift: [] };
}

/** Targets named `bad` fail. */
async function fakeDeployment(target: string, template: string, dryRun: boolean, emit: Emit): Promise<TargetResult> {
  const plan: DeployPlan = { action: 'import', removes: [], notes: ['to the storage "Local storage"'] };
  if (dryRun) return { target, outcome: 'planned', durationMs: 40, plan };
  emit({ type: 'step.started', step: 'send', title: 'Sending the image' });
  if (target === 'bad') {
    const error = new AppError('CONFLICT', `${target} has a VM template "${template}"`, { hint: 'Rename it.' });
    emit({ type: 'step.failed', step: 'send', durationMs: 10, message: error.message });
    emit({ type: 'run.finished', outcome: 'failed', durationMs: 40, error: error.message });
    return { target, outcome: 'failed', durationMs: 40, error };
  }
  emit({ type: 'step.progress', step: 'send', done: mebibyte, total: 2 * mebibyte, unit: 'bytes' });
  emit({ type: 'step.finished', step: 'send', durationMs: 1000, reused: false });
  emit({ type: 'run.finished', outcome: 'done', durationMs: 40 });
  const deployment = deploymentOn(target, template);
  const replaced: Deployment = { ...deployment, version: '20261122.1', state: 'retired' };
  return { target, outcome: 'deployed', durationMs: 1200, deployment, replaced, removed: [], sent: 2 * mebibyte };
}

async function fakeBuild(template: string, emit: Emit, pauseMs: number, signal: AbortSignal): Promise<BuildResult> {
  if (template === 'bug') throw new TypeError('undefined is not a plan');
  const pause = (): Promise<void> =>
    sleep(template === 'deaf' ? 60_000 : pauseMs, undefined, template === 'deaf' ? {} : { signal });
  const base = { template, durationMs: 9600, seconds: [], artifacts: [] };
  try {
    emit({ type: 'step.started', step: 'plan', title: 'Planning' });
    await pause();
    emit({ type: 'step.finished', step: 'plan', durationMs: 500, reused: false, note: '412 packages' });
    emit({ type: 'run.started', plan: 'sha256:0', version: '20261123.1' });
    emit({ type: 'step.started', step: 'base', title: 'Making the base system' });
    for (const done of [100, 200]) {
      emit({
        type: 'step.progress',
        step: 'base',
        done: done * mebibyte,
        total: 300 * mebibyte,
        unit: 'bytes',
        note: 'fetching packages',
      });
      await pause();
    }
    emit({ type: 'log', level: 'info', message: 'hello', source: 'setup.sh' });
    if (template === 'bad')
      throw new AppError('SCRIPT_FAILED', 'setup.sh failed at line 7', {
        hint: 'Correct it.',
        details: { lastLines: ['+ install'] },
      });
    emit({ type: 'step.finished', step: 'base', durationMs: 5000, reused: false });
    emit({ type: 'step.started', step: 'convert', title: 'Writing qcow2' });
    await pause();
    emit({ type: 'step.finished', step: 'convert', durationMs: 10, reused: true });
    const output = `/work/out/${template}/20261123.1`;
    emit({ type: 'run.finished', outcome: 'done', durationMs: 9600, output });
    return {
      ...base,
      outcome: 'done',
      version: '20261123.1',
      output,
      seconds: [
        ['base: fetch', 3.1],
        ['convert', 0.01],
      ],
      artifacts: [{ name: 'disk.qcow2', size: 266 * mebibyte }],
    };
  } catch (cause) {
    const error = cause instanceof AppError ? cause : new AppError('CANCELLED', `Cancelled: ${template}`, { cause });
    const outcome = error.code === 'CANCELLED' ? 'cancelled' : 'failed';
    emit({ type: 'step.failed', step: 'base', durationMs: 100, message: error.message });
    emit({ type: 'run.finished', outcome, durationMs: 9600, error: error.message });
    return { ...base, outcome, error };
  }
}
