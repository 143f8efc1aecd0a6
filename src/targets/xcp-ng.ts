import { readFile } from 'node:fs/promises';
import { logoutXapi, openXapi, type Xapi, type XapiOptions } from '../clients/xapi.ts';
import type { Deployment, DeployOutcome, DeployRequest, Target, TargetContext, TargetSession } from '../model/target.ts';
import { AppError } from '../util/errors.ts';
import { openConsole } from './xcp-ng/console.ts';
import { decide, discard, prune, settle, writeDeployed } from './xcp-ng/decide.ts';
import { type Lease, takeLease } from './xcp-ng/lease.ts';
import { deploymentOf, listDeployments } from './xcp-ng/list.ts';
import { type Pool, step } from './xcp-ng/pool.ts';
import { prepare, refuseForeignName, wantsTest } from './xcp-ng/preflight.ts';
import type { XcpNgSettings } from './xcp-ng/settings.ts';
import { deathOf, sweepRuns } from './xcp-ng/sweep.ts';
import { testClone } from './xcp-ng/test-clone.ts';
import { importImage } from './xcp-ng/transfer.ts';
import { deploymentsOf, type OwnVm, readPool } from './xcp-ng/view.ts';

/** Pools of XCP-ng and XenServer, through XAPI alone: no shell on a host, no medium, no console. */
export const xcpNg: Target<XcpNgSettings> = { id: 'xcp-ng', platform: 'xen', open };

/** How long the clean-up after a failure may take. */
const cleanUpMs = 60_000;

async function open(name: string, settings: XcpNgSettings, ctx: TargetContext): Promise<TargetSession> {
  const options = await optionsOf(name, settings, ctx);
  const xapi = await openXapi({ ...options, signal: ctx.signal });
  const pool: Pool = { name, settings, xapi, ctx };
  return {
    preflight: async (request) => (await prepare(pool, await readPool(pool), request)).plan,
    deploy: (request) => deploy(pool, options, request),
    rollback: (template, version) => rollback(pool, options, template, version),
    list: async () => listDeployments(name, await readPool(pool)),
    remove: (template, version, { force }) => remove(pool, options, template, version, force),
    async sweep(known) {
      const swept = await sweepRuns(pool, deathOf(known, ctx.journal.run, await readPool(pool)));
      for (const [run, entries] of known.dead) {
        for (const entry of entries.filter(({ kind }) => kind === 'session')) {
          await logoutXapi(options, entry.name);
          swept.push({ kind: 'session', name: 'log-in', run });
        }
      }
      return swept;
    },
    console: (machine) => openConsole(pool, machine),
    close: () => xapi.close(),
  };
}

async function optionsOf(name: string, settings: XcpNgSettings, ctx: TargetContext): Promise<XapiOptions> {
  const { ca, fingerprints } = settings;
  return {
    hosts: settings.hosts,
    credentials: async () => ({ user: await ctx.credential(settings.user), password: await ctx.credential(settings.password) }),
    trust: {
      ...(ca === undefined ? {} : { ca: await readCa(name, ca) }),
      ...(fingerprints === undefined ? {} : { fingerprints }),
      ...(ca === undefined && fingerprints === undefined ? { pins: ctx.certificates } : {}),
    },
    originator: `gabarit/${ctx.version} run ${ctx.journal.run}`,
    onSession: (session) => ctx.journal.record({ kind: 'session', name: session }),
  };
}

async function readCa(name: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `${name}: the file of authorities ${path} cannot be read`, { cause });
  }
}

/**
 * Holds the template for this run while `work` changes its deployments. When it fails, all that this run made is removed, with a
 * log-in of its own: the first one may be what failed, or was told to stop.
 */
async function holding<T>(pool: Pool, options: XapiOptions, template: string, work: (lease: Lease) => Promise<T>): Promise<T> {
  const lease = await takeLease(pool, template).catch((error: unknown) => cleanUp(pool, options, error));
  let result: T;
  try {
    result = await work(lease);
  } catch (error) {
    await lease.release();
    return cleanUp(pool, options, error);
  }
  await lease.release();
  return result;
}

async function cleanUp(pool: Pool, options: XapiOptions, error: unknown): Promise<never> {
  const { ctx, name } = pool;
  let xapi: Xapi | undefined;
  try {
    xapi = await openXapi({ ...options, signal: AbortSignal.timeout(cleanUpMs) });
    await sweepRuns({ ...pool, xapi }, (run) => run === ctx.journal.run);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `${name}: what this run made could not be removed (${reason}); "gabarit deployments sweep" or the next deployment will do it`;
    ctx.emit({ type: 'log', level: 'warn', message });
    ctx.journal.keep();
  } finally {
    await xapi?.close();
  }
  throw error;
}

async function deploy(pool: Pool, options: XapiOptions, request: DeployRequest): Promise<DeployOutcome> {
  const { name } = pool;
  const { template } = request.image;
  const first = await step(pool, 'preflight', 'Looking at the pool', async () => prepare(pool, await readPool(pool), request));
  if (first.plan.action === 'none') {
    const view = await readPool(pool);
    const there = deploymentsOf(view, template)[0] as OwnVm;
    return { outcome: 'unchanged', deployment: deploymentOf(name, view, there), removed: [], sent: 0 };
  }
  return holding(pool, options, template, async (lease) => {
    const { plan, existing, import: how } = await prepare(pool, await lease.check(), request);
    let [vm, sent] = [existing, 0];
    if (how) {
      ({ vm, sent } = await importImage(pool, request, how));
      const imported = vm;
      if (wantsTest(pool, request)) await step(pool, 'test', 'Booting a clone of it', () => testClone(pool, imported));
    }
    const chosen = vm as OwnVm;
    return step(pool, 'switch', `Naming it ${template}`, () =>
      switchTo(pool, lease, chosen, plan.replaces, how ? 'deployed' : 'promoted', sent),
    );
  });
}

async function switchTo(
  pool: Pool,
  lease: Lease,
  vm: OwnVm,
  replaced: Deployment | undefined,
  outcome: 'deployed' | 'promoted',
  sent: number,
): Promise<DeployOutcome> {
  await decide(pool, lease, vm);
  const { view, removed } = await prune(pool, vm.template);
  const now = deploymentsOf(view, vm.template)[0] as OwnVm;
  return {
    outcome,
    deployment: deploymentOf(pool.name, view, now),
    ...(replaced ? { replaced } : {}),
    removed: removed.map((old) => deploymentOf(pool.name, view, old)),
    sent,
  };
}

async function rollback(pool: Pool, options: XapiOptions, template: string, version: string | undefined): Promise<DeployOutcome> {
  const { name } = pool;
  return holding(pool, options, template, async (lease) => {
    const view = await lease.check();
    const [current, ...older] = deploymentsOf(view, template);
    if (!current) throw nothingThere(name, template);
    if (version !== undefined && current.version === version)
      return { outcome: 'unchanged', deployment: deploymentOf(name, view, current), removed: [], sent: 0 };
    const wanted = version === undefined ? older[0] : older.find((vm) => vm.version === version);
    if (!wanted) {
      const kept = older.map((vm) => vm.version).join(', ');
      throw new AppError(
        'NOT_FOUND',
        `${name} has no ${version === undefined ? 'older deployment' : `deployment of version ${version}`} of ${template} to go back to`,
        {
          hint: kept === '' ? 'Deploy the image that you want from the catalog: gabarit deploy.' : `It has ${kept}.`,
        },
      );
    }
    refuseForeignName(pool, view, template);
    return step(pool, 'switch', `Naming ${wanted.version} ${template}`, () =>
      switchTo(pool, lease, wanted, deploymentOf(name, view, current), 'promoted', 0),
    );
  });
}

async function remove(
  pool: Pool,
  options: XapiOptions,
  template: string,
  version: string | undefined,
  force: boolean,
): Promise<Deployment[]> {
  const { name } = pool;
  return holding(pool, options, template, async (lease) => {
    const view = await lease.check();
    const all = listDeployments(name, view).filter((item) => item.template === template && item.state !== 'unfinished');
    const wanted = all.filter((item) => version === undefined || item.version === version);
    if (wanted.length === 0) throw nothingThere(name, template, version);
    if (!force && wanted.some(({ state }) => state === 'current')) {
      throw new AppError('CONFLICT', `${name}: ${template} ${wanted[0]?.version} is what people get now`, {
        hint: 'Say --force to remove it all the same, or deploy another version first.',
      });
    }
    for (const { id } of wanted) {
      const vm = view.deployments.find(({ uuid }) => uuid === id);
      if (vm) await step(pool, 'remove', `Removing ${template} ${vm.version}`, () => discard(pool, vm));
    }
    const after = await settle(pool, template);
    await writeDeployed(pool, after, template);
    return wanted;
  });
}

function nothingThere(target: string, template: string, version?: string): AppError {
  return new AppError('NOT_FOUND', `${target} has no deployment of ${template}${version === undefined ? '' : ` ${version}`}`, {
    hint: 'gabarit deployments ls lists what there is.',
  });
}
